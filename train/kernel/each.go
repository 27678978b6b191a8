package kernel

import (
	"runtime"
	"sync"
)

// Each calls f for 0..n-1 on all processors and waits. Calls run in any order:
// f(i) must write only what belongs to i.
func Each(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

// Each calls f for 0..n-1 on the pool's workers and waits. Calls run in any
// order: f(i) must write only what belongs to i, and must not use the pool.
func (p *Pool) Each(n int, f func(i int)) { p.Run(n, each(f)) }

type each func(i int)

// Part implements Task.
func (f each) Part(_ *Scratch, i int) { f(i) }
