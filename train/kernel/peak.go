package kernel

import (
	"runtime"
	"sync"
	"time"
)

// peakChains is how many multiply-adds one round of an instruction set's peak
// does on vectors.
const peakChains = 12

// PeakFlops measures the floating-point operations per second that the workers
// reach together on registers only, two per multiply-add: an upper bound of the
// speed of any product. 0 workers means all processors. It takes a tenth of a second, and
// is 0 where the instruction set has no such loop.
func PeakFlops(workers int) float64 {
	const rounds, length = 10_000, 100 * time.Millisecond
	if active.peak == nil {
		return 0
	}
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	rates := make([]float64, workers)
	var all sync.WaitGroup
	for i := range rates {
		all.Go(func() {
			for start := time.Now(); time.Since(start) < length; {
				began := time.Now()
				active.peak(rounds)
				rates[i] = max(rates[i], 2*peakChains*rounds*float64(active.lanes)/time.Since(began).Seconds())
			}
		})
	}
	all.Wait()
	total := 0.0
	for _, r := range rates {
		total += r
	}
	return total
}
