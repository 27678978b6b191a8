package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Task is work cut into parts that may run in any order and at once. How many
// parts there are must follow from the problem alone, never from the number of
// workers, wherever the cut decides the order of a sum.
type Task interface {
	// Part does part i with the scratch memory of the worker that runs it.
	Part(s *Scratch, i int)
}

// Pool is a fixed set of workers that share the parts of one task at a time. A
// pool of one runs wholly on the caller's goroutine. One goroutine may use a
// pool at a time; programs that run at once each have a pool of their own.
type Pool struct {
	scratch []Scratch // one a worker; the caller is worker 0
	wake    []chan struct{}
	task    Task
	parts   int
	next    atomic.Int64
	pending sync.WaitGroup
	stopped sync.WaitGroup
	gemm    gemmTask
}

// NewPool starts a pool of the given number of workers, at least one. Close
// ends its goroutines.
func NewPool(workers int) *Pool {
	workers = max(1, workers)
	p := &Pool{scratch: make([]Scratch, workers), wake: make([]chan struct{}, workers-1)}
	for i := range p.wake {
		p.wake[i] = make(chan struct{}, 1)
		p.stopped.Add(1)
		go p.work(i)
	}
	return p
}

// Workers is the number of workers, the caller included.
func (p *Pool) Workers() int { return len(p.scratch) }

// Close ends the pool's goroutines and waits for them.
func (p *Pool) Close() {
	for _, c := range p.wake {
		close(c)
	}
	p.stopped.Wait()
	p.wake = nil
}

// Run does all parts of the task and returns when the last is done.
func (p *Pool) Run(parts int, t Task) {
	helpers := min(len(p.wake), parts-1)
	if helpers <= 0 {
		for i := range parts {
			t.Part(&p.scratch[0], i)
		}
		return
	}
	p.task, p.parts = t, parts
	p.next.Store(0)
	p.pending.Add(helpers)
	for _, c := range p.wake[:helpers] {
		c <- struct{}{}
	}
	p.drain(&p.scratch[0])
	p.pending.Wait()
	p.task = nil
}

func (p *Pool) work(i int) {
	defer p.stopped.Done()
	for range p.wake[i] {
		p.drain(&p.scratch[i+1])
		p.pending.Done()
	}
}

func (p *Pool) drain(s *Scratch) {
	for {
		i := int(p.next.Add(1)) - 1
		if i >= p.parts {
			return
		}
		p.task.Part(s, i)
	}
}

// Scratch is the memory that one worker packs operands into. It grows to the
// largest request and is then reused.
type Scratch struct{ buffers [4][]float32 }

// floats is buffer slot of the scratch with n values, not cleared.
func (s *Scratch) floats(slot, n int) []float32 {
	if cap(s.buffers[slot]) < n {
		s.buffers[slot] = make([]float32, n)
	}
	return s.buffers[slot][:n]
}

// shared is the pool behind the package's own functions.
var shared struct {
	sync.Mutex
	pool *Pool
}

// lone are the one-worker pools of callers that find the shared one in use.
var lone = sync.Pool{New: func() any { return NewPool(1) }}

// withPool runs f on the shared pool or, when another goroutine has it, on the
// caller alone: nobody waits for somebody else's work.
func withPool(f func(*Pool)) {
	if !shared.TryLock() {
		p := lone.Get().(*Pool)
		defer lone.Put(p)
		f(p)
		return
	}
	defer shared.Unlock()
	if shared.pool == nil {
		shared.pool = NewPool(runtime.GOMAXPROCS(0))
	}
	f(shared.pool)
}
