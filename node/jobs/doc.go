// Package jobs is the heavy work of a home: distilling local data, training on sets,
// measuring models. It is done in the process that asks for it, which hands the
// result to the node over a connection; the node's own process stays small.
// Interrupted work resumes from what package work keeps.
package jobs
