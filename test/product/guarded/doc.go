// Package guarded tests the guarantee of `lockd lock`: if all nodes become unreachable or lockd itself is stopped, the
// command is dead before the TTL of the last acknowledged renewal has passed. It also measures when the next holder
// starts.
package guarded
