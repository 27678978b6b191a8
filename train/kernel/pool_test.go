package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counted is a task that counts how often each part was done.
type counted []atomic.Int32

func (c counted) Part(_ *Scratch, i int) { c[i].Add(1) }

// A signaling goroutine may lose its processor between adding a token and waking who
// sleeps. By then a spinning goroutine may have taken the token and sleep for the next
// one.
func TestALateWakeUpIsNoToken(t *testing.T) {
	for _, spins := range []int{0, maxSpins} {
		b := newToken(spins)
		var taken atomic.Uint64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := uint64(0); n < 2; taken.Store(n) {
				n = b.wait(n)
			}
		}()
		b.count.Add(1) // the first half of a signal
		b.wake()       // for a goroutine that sleeps already
		for taken.Load() != 1 {
			runtime.Gosched()
		}
		for range 20 { // the second half, at any time before the next signal
			b.wake()
			time.Sleep(time.Millisecond)
			if n := taken.Load(); n != 1 {
				t.Fatalf("%d tokens taken of one added, %d spins", n, spins)
			}
		}
		b.signal()
		<-done
	}
}

// Pools under more load than there are processors, of workers that spin and of
// workers that sleep at once.
func TestPoolDoesEachPartOnce(t *testing.T) {
	var pools sync.WaitGroup
	rounds := 20_000
	if testing.Short() { // as under emulation
		rounds = 500
	}
	for _, workers := range []int{2, 2, 3, 2 * runtime.GOMAXPROCS(0)} {
		pools.Go(func() {
			p := NewPool(workers)
			defer p.Close()
			for round := range rounds {
				task := make(counted, 1+round%7)
				p.Run(len(task), task)
				for i := range task {
					if n := task[i].Load(); n != 1 {
						t.Errorf("%d workers, round %d: part %d of %d done %d times", workers, round, i, len(task), n)
						return
					}
				}
			}
		})
	}
	pools.Wait()
}

func BenchmarkEmptyRun(b *testing.B) {
	for _, c := range []struct {
		name    string
		workers int
	}{{"spinning", 2}, {"sleeping", runtime.GOMAXPROCS(0) + 1}} {
		b.Run(c.name, func(b *testing.B) {
			p := NewPool(c.workers)
			defer p.Close()
			task := make(counted, c.workers)
			for b.Loop() {
				p.Run(len(task), task)
			}
		})
	}
}
