// Package parallel runs independent calls on all processor cores.
package parallel

import (
	"runtime"
	"sync"
)

// Workers is the number of workers of a setting: n, or for 0 the number of
// cores that this process may use. Every setting named workers in this program
// has this meaning.
func Workers(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// Each calls f for 0..n-1 on a number of workers (0: one per core) and waits
// for all. Calls run in any order and in parallel: f(i) must write only what
// belongs to i.
func Each(workers, n int, f func(i int)) {
	workers = min(Workers(workers), n)
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	all.Wait()
}
