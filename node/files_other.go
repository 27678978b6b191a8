//go:build !linux && !darwin

package node

// fileLimit is unknown on these systems, which set no low limit.
func fileLimit() (limit uint64, known bool) { return 0, false }
