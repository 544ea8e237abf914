// Package form reads the JSON body of a request strictly, and reports each error in it with the field's name. It knows
// the limits of package fsm, and no route.
package form
