// Package node puts the rooms together: a home on disk, the store and the book
// of announcements, the mesh when it runs, and the operations that the command
// line and the local API offer. Heavy work (distilling, training) happens in
// the process of the verb that asked for it; the node's own process stays
// small.
package node
