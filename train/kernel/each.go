package kernel

// Each calls f for 0..n-1 on the pool's workers and waits. Calls run in any
// order: f(i) must write only what belongs to i, and must not use the pool.
func (p *Pool) Each(n int, f func(i int)) { p.Run(n, each(f)) }

type each func(i int)

// Part implements Task.
func (f each) Part(_ *Scratch, i int) { f(i) }
