package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Task is work cut into parts that may run in any order and in parallel. If the
// cut decides the order of a sum, the number of parts must depend only on the
// problem and not on the number of workers.
type Task interface {
	// Part does part i with the scratch memory of the worker that runs it.
	Part(s *Scratch, i int)
}

// Pool is a fixed set of workers that share the parts of one task at a time. A
// pool of one runs entirely on the caller's goroutine. One goroutine at a time
// may use a pool; parallel programs each have a pool of their own.
type Pool struct {
	scratch []Scratch // one per worker; the caller is worker 0
	start   []*token  // one per helper
	done    *token    // from the last helper to finish
	doneAt  uint64
	closed  bool
	task    Task
	shares  []share
	busy    atomic.Int64 // helpers at work
	stopped sync.WaitGroup
	gemm    gemmTask
	shared  Scratch // of the task as a whole
}

// NewPool starts a pool of the given number of workers; 0 for one per core.
// Close ends its goroutines.
func NewPool(workers int) *Pool {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	spins := maxSpins
	if workers > runtime.GOMAXPROCS(0) {
		spins = 0
	}
	p := &Pool{scratch: make([]Scratch, workers), shares: make([]share, workers), start: make([]*token, workers-1),
		done: newToken(spins)}
	for i := range p.start {
		p.start[i] = newToken(spins)
		p.stopped.Add(1)
		go p.work(p.start[i], i+1)
	}
	return p
}

// Workers is the number of workers, the caller included.
func (p *Pool) Workers() int { return len(p.scratch) }

// Close ends the pool's goroutines and waits for them.
func (p *Pool) Close() {
	p.closed = true
	for _, b := range p.start {
		b.signal()
	}
	p.stopped.Wait()
	p.start = nil
}

// Run does all parts of the task and returns when the last is done.
func (p *Pool) Run(parts int, t Task) {
	helpers := min(len(p.start), parts-1)
	if helpers <= 0 {
		for i := range parts {
			t.Part(&p.scratch[0], i)
		}
		return
	}
	p.task = t
	p.shares = p.shares[:helpers+1]
	for i := range p.shares {
		p.shares[i].end = int64(parts * (i + 1) / len(p.shares))
		p.shares[i].next.Store(int64(parts * i / len(p.shares)))
	}
	p.busy.Store(int64(helpers))
	for _, b := range p.start[:helpers] {
		b.signal()
	}
	p.drain(0)
	p.doneAt = p.done.wait(p.doneAt)
	p.task = nil
}

func (p *Pool) work(start *token, worker int) {
	defer p.stopped.Done()
	for taken := start.wait(0); !p.closed; taken = start.wait(taken) {
		p.drain(worker)
		if p.busy.Add(-1) == 0 {
			p.done.signal()
		}
	}
}

// share is the run of parts that one worker begins with. A part usually reads
// what the same part of the last task wrote, so each worker finds its share in
// its own cache.
type share struct {
	next atomic.Int64
	end  int64
	_    [48]byte // one cache line each
}

// drain does the worker's own share, then helps with the others'.
func (p *Pool) drain(worker int) {
	for i := range p.shares {
		s := &p.shares[(worker+i)%len(p.shares)]
		for {
			part := s.next.Add(1) - 1
			if part >= s.end {
				break
			}
			p.task.Part(&p.scratch[worker], int(part))
		}
	}
}

// maxSpins is how many times a waiting goroutine polls for its token before it
// sleeps: about ten microseconds, the pause between two kernels. Waking a
// sleeping goroutine costs as much.
const maxSpins = 20_000

// token lets one goroutine wake another. The waiting side uses only the count: if
// the signaling side is delayed between its two steps, the wake-up comes after the
// token was taken and the work done, and must not count as another token.
type token struct {
	count atomic.Uint64
	mu    sync.Mutex
	woken sync.Cond // on mu, after count has grown
	spins int
}

func newToken(spins int) *token {
	t := &token{spins: spins}
	t.woken.L = &t.mu
	return t
}

// signal adds a token.
func (t *token) signal() {
	t.count.Add(1)
	t.wake()
}

// wake signals a goroutine that sleeps: under mu, it has either seen the count or is
// on the condition's list.
func (t *token) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.woken.Signal()
}

// wait waits for the token after the last one taken, and returns its number.
func (t *token) wait(last uint64) uint64 {
	for range t.spins {
		if t.count.Load() != last {
			return last + 1
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.count.Load() == last {
		t.woken.Wait()
	}
	return last + 1
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

// Floats is n values of the worker's own memory, not cleared, for tasks outside
// this package.
func (s *Scratch) Floats(n int) []float32 { return s.floats(0, n) }

// common is memory of n values that all parts of a task share, not cleared. It
// is valid until the next task uses the same slot.
func (p *Pool) common(slot, n int) []float32 { return p.shared.floats(slot, n) }

// shared is the pool of the package's functions.
var shared struct {
	sync.Mutex
	pool *Pool
}

// singlePools are the one-worker pools of callers that find the shared pool in use.
var singlePools = sync.Pool{New: func() any { return NewPool(1) }}

// withPool runs f on the shared pool or, when another goroutine uses it, on the
// caller only, so that no caller waits for another.
func withPool(f func(*Pool)) {
	if !shared.TryLock() {
		p := singlePools.Get().(*Pool)
		defer singlePools.Put(p)
		f(p)
		return
	}
	defer shared.Unlock()
	if shared.pool == nil {
		shared.pool = NewPool(0)
	}
	f(shared.pool)
}
