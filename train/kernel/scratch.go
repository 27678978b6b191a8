package kernel

// Floats is n values of the worker's scratch memory, not cleared, for a task
// that calls no other kernel while it uses them.
func (s *Scratch) Floats(n int) []float32 { return s.floats(0, n) }
