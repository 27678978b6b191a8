// Package api is how the operations of a node are called: in the same process,
// or over a Unix socket by another one. An operation is a name with the types of
// its request and result; a Table binds names to the functions that do them; a
// Conn runs them. The package knows no operation and nothing of nodes.
package api
