package schema

var objectReference = &Object{
	ID:          "io.k8s.api.core.v1.ObjectReference",
	Description: "ObjectReference names an object.",
	Atomic:      true,
	Fields: []Field{
		{Name: "kind", Number: 1, Type: String, Description: "Kind of the object."},
		{Name: "namespace", Number: 2, Type: String, Description: "Namespace of the object."},
		{Name: "name", Number: 3, Type: String, Description: "Name of the object."},
		{Name: "uid", Number: 4, Type: String, Description: "UID of the object."},
		{Name: "apiVersion", Number: 5, Type: String, Description: "API version of the object."},
		{Name: "resourceVersion", Number: 6, Type: String, Description: "Version of the object."},
		{Name: "fieldPath", Number: 7, Type: String, Description: "Part of the object."},
	},
}

var eventSource = &Object{
	ID:          "io.k8s.api.core.v1.EventSource",
	Description: "EventSource names the component that reports an event.",
	Fields: []Field{
		{Name: "component", Number: 1, Type: String, Description: "Name of the component."},
		{Name: "host", Number: 2, Type: String, Description: "Host of the component."},
	},
}

var coreEventSeries = &Object{
	ID:          "io.k8s.api.core.v1.EventSeries",
	Description: "EventSeries is the state of a repeated event.",
	Fields: []Field{
		{Name: "count", Number: 1, Type: Int32, Description: "Number of occurrences."},
		{Name: "lastObservedTime", Number: 2, Type: MicroTime, Description: "Time of the last occurrence."},
	},
}

var eventSeries = &Object{
	ID:          "io.k8s.api.events.v1.EventSeries",
	Description: "EventSeries is the state of a repeated event.",
	Fields: []Field{
		{Name: "count", Number: 1, Type: Int32, Presence: Always, Required: true, Description: "Number of occurrences, at least 2."},
		{Name: "lastObservedTime", Number: 2, Type: MicroTime, Required: true, Description: "Time of the last occurrence."},
	},
}

// CoreEvent is the kind v1 Event.
var CoreEvent = &Schema{
	Version: "v1", Kind: "Event",
	Object: &Object{
		ID:          "io.k8s.api.core.v1.Event",
		Description: "Event is a report of something that happened to an object.",
		Fields: []Field{
			metadata(1),
			{Name: "involvedObject", Number: 2, Type: Message, Object: objectReference, Presence: Always, Required: true, Description: "Object that the event is about."},
			{Name: "reason", Number: 3, Type: String, Description: "Short reason for the event, for programs."},
			{Name: "message", Number: 4, Type: String, Description: "Description of the event, for people."},
			{Name: "source", Number: 5, Type: Message, Object: eventSource, Presence: Always, Description: "Component that reports the event."},
			{Name: "firstTimestamp", Number: 6, Type: Time, Description: "Time of the first occurrence."},
			{Name: "lastTimestamp", Number: 7, Type: Time, Description: "Time of the last occurrence."},
			{Name: "count", Number: 8, Type: Int32, Description: "Number of occurrences."},
			{Name: "type", Number: 9, Type: String, Description: "Type of the event: Normal or Warning."},
			{Name: "eventTime", Number: 10, Type: MicroTime, Description: "Time of the event."},
			{Name: "series", Number: 11, Type: Message, Object: coreEventSeries, Presence: Kept, Description: "State of a repeated event."},
			{Name: "action", Number: 12, Type: String, Description: "Action that failed or succeeded."},
			{Name: "related", Number: 13, Type: Message, Object: objectReference, Presence: Kept, Description: "Second object that the event is about."},
			{Name: "reportingComponent", Number: 14, Type: String, Presence: Always, Description: "Name of the controller that reports the event."},
			{Name: "reportingInstance", Number: 15, Type: String, Presence: Always, Description: "Instance of the controller."},
		},
	},
}

// Event is the kind events.k8s.io/v1 Event.
var Event = &Schema{
	Group: "events.k8s.io", Version: "v1", Kind: "Event",
	Object: &Object{
		ID:          "io.k8s.api.events.v1.Event",
		Description: "Event is a report of something that happened to an object.",
		Fields: []Field{
			metadata(1),
			{Name: "eventTime", Number: 2, Type: MicroTime, Required: true, Description: "Time of the event."},
			{Name: "series", Number: 3, Type: Message, Object: eventSeries, Presence: Kept, Description: "State of a repeated event."},
			{Name: "reportingController", Number: 4, Type: String, Description: "Name of the controller that reports the event."},
			{Name: "reportingInstance", Number: 5, Type: String, Description: "Instance of the controller."},
			{Name: "action", Number: 6, Type: String, Description: "Action that failed or succeeded."},
			{Name: "reason", Number: 7, Type: String, Description: "Short reason for the event, for programs."},
			{Name: "regarding", Number: 8, Type: Message, Object: objectReference, Presence: Always, Description: "Object that the event is about."},
			{Name: "related", Number: 9, Type: Message, Object: objectReference, Presence: Kept, Description: "Second object that the event is about."},
			{Name: "note", Number: 10, Type: String, Description: "Description of the event, for people."},
			{Name: "type", Number: 11, Type: String, Description: "Type of the event: Normal or Warning."},
			{Name: "deprecatedSource", Number: 12, Type: Message, Object: eventSource, Presence: Always, Description: "Component that reports the event, for v1 Events."},
			{Name: "deprecatedFirstTimestamp", Number: 13, Type: Time, Description: "Time of the first occurrence, for v1 Events."},
			{Name: "deprecatedLastTimestamp", Number: 14, Type: Time, Description: "Time of the last occurrence, for v1 Events."},
			{Name: "deprecatedCount", Number: 15, Type: Int32, Description: "Number of occurrences, for v1 Events."},
		},
	},
}
