package schema

import "google.golang.org/protobuf/encoding/protowire"

// stored returns the schema of a kind with metadata and spec.
func stored(group, version, kind, id, description string, spec *Object, about string) *Schema {
	return &Schema{
		Group: group, Version: version, Kind: kind,
		Object: &Object{
			ID: id + kind, Description: description,
			Fields: []Field{metadata(1), {Name: "spec", Number: 2, Type: Message, Object: spec, Presence: Always, Description: about}},
		},
	}
}

func metadata(number protowire.Number) Field {
	return Field{Name: "metadata", Number: number, Type: Message, Object: objectMeta, Presence: Always, Description: "Metadata of the object."}
}

// Lease is the kind coordination.k8s.io/v1 Lease.
var Lease = stored("coordination.k8s.io", "v1", "Lease", "io.k8s.api.coordination.v1.",
	"Lease is a lock with a holder and a duration.", leaseSpec, "State of the lease.")

var leaseSpec = &Object{
	ID:          "io.k8s.api.coordination.v1.LeaseSpec",
	Description: "LeaseSpec is the state of a lease.",
	Fields: []Field{
		{Name: "holderIdentity", Number: 1, Type: String, Presence: Kept, Description: "Identity of the holder. It is empty if the lease is free. The server clears it when the lease expires."},
		{Name: "leaseDurationSeconds", Number: 2, Type: Int32, Presence: Kept, Description: "Seconds after a renewal at which the lease expires. Without it the lease does not expire."},
		{Name: "acquireTime", Number: 3, Type: MicroTime, Description: "Time at which the holder acquired the lease, by the clock of the client."},
		{Name: "renewTime", Number: 4, Type: MicroTime, Description: "Time of the last renewal, by the clock of the client."},
		{Name: "leaseTransitions", Number: 5, Type: Int32, Presence: Kept, Description: "Number of changes of the holder."},
		{Name: "strategy", Number: 6, Type: String, Presence: Kept, Description: "How the server elects the holder among LeaseCandidates, if it does."},
		{Name: "preferredHolder", Number: 7, Type: String, Presence: Kept, Description: "Identity to which the holder should yield. It needs a strategy."},
	},
}

// LeaseCandidate is the kind coordination.k8s.io/v1beta1 LeaseCandidate.
var LeaseCandidate = stored("coordination.k8s.io", "v1beta1", "LeaseCandidate", "io.k8s.api.coordination.v1beta1.",
	"LeaseCandidate is a candidate for a Lease whose holder the server elects.", leaseCandidateSpec, "State of the candidate.")

var leaseCandidateSpec = &Object{
	ID:          "io.k8s.api.coordination.v1beta1.LeaseCandidateSpec",
	Description: "LeaseCandidateSpec is the state of a candidate.",
	Fields: []Field{
		{Name: "leaseName", Number: 1, Type: String, Presence: Always, Required: true, Description: "Name of the Lease. It cannot be changed."},
		{Name: "pingTime", Number: 2, Type: MicroTime, Description: "Time at which the server last required a sign of life. The candidate answers with a renewal."},
		{Name: "renewTime", Number: 3, Type: MicroTime, Description: "Time of the last renewal. A candidate is ignored 30 minutes later."},
		{Name: "binaryVersion", Number: 4, Type: String, Presence: Always, Required: true, Description: "Version of the program, as major.minor.patch."},
		{Name: "emulationVersion", Number: 5, Type: String, Description: "Version that the program emulates. It is at most binaryVersion."},
		{Name: "strategy", Number: 6, Type: String, Required: true, Description: "How the server elects among the candidates: OldestEmulationVersion, or the name of a strategy of your own with a prefix."},
	},
}
