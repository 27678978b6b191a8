// Package node is a home at work. It opens what the home holds, joins the mesh when
// it runs, does the operations of package operations, and tells other nodes. What
// that takes lies in the packages below it; what people and programs call lies in
// package api (a connection), package localdata and package jobs (work in their own
// process).
package node
