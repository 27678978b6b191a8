//go:build !linux && !darwin

package node

// fileLimit is not known here: such systems set no low limit.
func fileLimit() (limit uint64, known bool) { return 0, false }
