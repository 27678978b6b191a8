package parallel

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func TestEachIndexIsVisitedOnceForAnyNumberOfWorkers(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 7, 100} {
		for _, n := range []int{0, 1, 2, 13, 64} {
			visits := make([]int32, n)
			Each(workers, n, func(i int) { atomic.AddInt32(&visits[i], 1) })
			if slices.ContainsFunc(visits, func(v int32) bool { return v != 1 }) {
				t.Errorf("%d workers, %d calls: visits %v", workers, n, visits)
			}
		}
	}
}

func TestCallsOfSeveralWorkersRunAtOnce(t *testing.T) {
	var met sync.WaitGroup
	met.Add(3)
	Each(3, 3, func(int) { // each waits for the other two
		met.Done()
		met.Wait()
	})
}

func TestZeroWorkersAreAllCores(t *testing.T) {
	if got := Workers(0); got != runtime.GOMAXPROCS(0) {
		t.Errorf("%d workers, %d cores", got, runtime.GOMAXPROCS(0))
	}
	if got := Workers(3); got != 3 {
		t.Errorf("%d workers, asked for 3", got)
	}
}
