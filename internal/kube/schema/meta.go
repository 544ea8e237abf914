package schema

const metaV1 = "io.k8s.apimachinery.pkg.apis.meta.v1."

// objectMeta describes the metadata of every stored object.
var objectMeta = &Object{
	ID:          metaV1 + "ObjectMeta",
	Description: "ObjectMeta is the metadata of a stored object.",
	Fields: []Field{
		{Name: "name", Number: 1, Type: String, Description: "Name of the object, unique in its namespace. It cannot be changed."},
		{Name: "generateName", Number: 2, Type: String, Description: "Prefix of a name that the server generates if there is no name."},
		{Name: "namespace", Number: 3, Type: String, Description: "Namespace of the object. It cannot be changed. A namespace need not be created."},
		{Name: "selfLink", Number: 4, Type: String, Description: "Unused."},
		{Name: "uid", Number: 5, Type: String, Description: "Identity of the object, which differs from that of an earlier object of the same name. The server sets it."},
		{Name: "resourceVersion", Number: 6, Type: String, Description: "Version of the object. A write with another version than the stored one is refused. A watch starts at a version."},
		{Name: "generation", Number: 7, Type: Int64, Description: "Number of the desired state. Unused by these kinds."},
		{Name: "creationTimestamp", Number: 8, Type: Time, Description: "Time at which the server created the object."},
		{Name: "deletionTimestamp", Number: 9, Type: Time, Description: "Time from which the object is to be deleted."},
		{Name: "deletionGracePeriodSeconds", Number: 10, Type: Int64, Presence: Kept, Description: "Seconds from the delete request to the deletion."},
		{Name: "labels", Number: 11, Type: Map, Description: "Keys and values by which objects are selected."},
		{Name: "annotations", Number: 12, Type: Map, Description: "Keys and values that tools store with an object. Objects cannot be selected by them."},
		{Name: "ownerReferences", Number: 13, Type: Messages, Object: ownerReference, List: ByKey, Key: "uid", Description: "Objects that this object depends on."},
		{Name: "finalizers", Number: 14, Type: Strings, List: Set, Description: "Names of tasks that must end before the object is deleted."},
		{Name: "managedFields", Number: 17, Type: Messages, Object: managedFieldsEntry, Description: "Fields that each manager owns, for server-side apply."},
	},
}

var ownerReference = &Object{
	ID:          metaV1 + "OwnerReference",
	Description: "OwnerReference names an owner of an object, in the same namespace.",
	Atomic:      true,
	Fields: []Field{
		{Name: "kind", Number: 1, Type: String, Presence: Always, Required: true, Description: "Kind of the owner."},
		{Name: "name", Number: 3, Type: String, Presence: Always, Required: true, Description: "Name of the owner."},
		{Name: "uid", Number: 4, Type: String, Presence: Always, Required: true, Description: "UID of the owner."},
		{Name: "apiVersion", Number: 5, Type: String, Presence: Always, Required: true, Description: "API version of the owner."},
		{Name: "controller", Number: 6, Type: Bool, Presence: Kept, Description: "Whether the owner is the controller of the object."},
		{Name: "blockOwnerDeletion", Number: 7, Type: Bool, Presence: Kept, Description: "Whether the owner cannot be deleted in the foreground before this object."},
	},
}

var managedFieldsEntry = &Object{
	ID:          metaV1 + "ManagedFieldsEntry",
	Description: "ManagedFieldsEntry names a manager and the fields that it owns.",
	Fields: []Field{
		{Name: "manager", Number: 1, Type: String, Description: "Name of the manager."},
		{Name: "operation", Number: 2, Type: String, Description: "Operation that made the entry: Apply or Update."},
		{Name: "apiVersion", Number: 3, Type: String, Description: "API version of the fields."},
		{Name: "time", Number: 4, Type: Time, Description: "Time at which the manager last changed the fields or the set of them."},
		{Name: "fieldsType", Number: 6, Type: String, Description: "Format of the fields. It is FieldsV1."},
		{Name: "fieldsV1", Number: 7, Type: FieldSet, Description: "Fields that the manager owns."},
		{Name: "subresource", Number: 8, Type: String, Description: "Subresource through which the fields were written."},
	},
}

var preconditions = &Object{
	ID:          metaV1 + "Preconditions",
	Description: "Preconditions must hold before an object is deleted.",
	Fields: []Field{
		{Name: "uid", Number: 1, Type: String, Presence: Kept, Description: "UID of the object."},
		{Name: "resourceVersion", Number: 2, Type: String, Presence: Kept, Description: "Version of the object."},
	},
}

// DeleteOptions is the kind of the body of a delete.
var DeleteOptions = &Schema{
	Version: "v1", Kind: "DeleteOptions", AnyVersion: true,
	Object: &Object{
		ID:          metaV1 + "DeleteOptions",
		Description: "DeleteOptions may be sent with a delete.",
		Fields: []Field{
			{Name: "gracePeriodSeconds", Number: 1, Type: Int64, Presence: Kept, Description: "Seconds before the object is deleted. These kinds are deleted at once."},
			{Name: "preconditions", Number: 2, Type: Message, Presence: Kept, Object: preconditions, Description: "Conditions without which nothing is deleted."},
			{Name: "orphanDependents", Number: 3, Type: Bool, Presence: Kept, Description: "Deprecated: use propagationPolicy."},
			{Name: "propagationPolicy", Number: 4, Type: String, Presence: Kept, Description: "What happens to dependent objects. The server deletes none."},
			{Name: "dryRun", Number: 5, Type: Strings, Description: "All to check the request and delete nothing."},
			{Name: "ignoreStoreReadErrorWithClusterBreakingPotential", Number: 6, Type: Bool, Presence: Kept, Description: "Unused."},
		},
	},
}

// listMeta describes the metadata of lists. Only OpenAPI documents need it.
var listMeta = &Object{
	ID:          metaV1 + "ListMeta",
	Description: "ListMeta is the metadata of a list.",
	Fields: []Field{
		{Name: "selfLink", Number: 1, Type: String, Description: "Unused."},
		{Name: "resourceVersion", Number: 2, Type: String, Description: "Version from which a watch continues the list."},
		{Name: "continue", Number: 3, Type: String, Description: "Token for the next part of the list."},
		{Name: "remainingItemCount", Number: 4, Type: Int64, Presence: Kept, Description: "Number of objects that follow."},
	},
}
