// Package node runs the node of a home. It opens the home, joins the mesh when it
// runs, carries out the operations of package operations, and announces the
// results. Its parts are the packages below; callers use package api (a
// connection), package localdata and package jobs (work in the caller's process).
package node
