// Package jobs has the heavy work: distilling local data, training on sets,
// evaluating models. It runs in the process of the caller, which passes the result
// to the node over a connection, so that the node's own process stays small.
// Interrupted work resumes from the states of package work.
package jobs
