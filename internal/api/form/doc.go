// Package form reads the JSON body and the query of a request strictly, and reports each error in them with the field's
// name. It knows the limits of package fsm, and no route.
package form
