package federated

import (
	"sync"
)

// average is the server's sum over the clients of one round, in float64 and in
// the order of the clients.
type average struct {
	config Config
	model  []float32 // x, that was sent
	sum    []float64
	effort float64 // FedNova: tau_eff
	loss   float64
}

func newAverage(c Config, model []float32) *average {
	return &average{config: c, model: model, sum: make([]float64, len(model))}
}

// add adds a client's update with its share p_i of the round's samples.
func (a *average) add(u *update, share float64) {
	a.loss += share * u.loss
	if a.config.Strategy != FedNova {
		for i, y := range u.values {
			a.sum[i] += share * float64(y)
		}
		return
	}
	done := work(u.steps, a.config.Momentum)
	a.effort += share * done
	for i, y := range u.values {
		a.sum[i] += share / done * (float64(y) - float64(a.model[i]))
	}
}

// result is the round's new model:
//
//	x <- sum p_i y_i                              all but FedNova
//	x <- x + tau_eff sum p_i (y_i - x) / |a_i|_1  FedNova, tau_eff = sum p_i |a_i|_1
//
// (McMahan et al. 2017, algorithm 1; Wang et al. 2020, section 4). SCAFFOLD
// uses the first with a global rate of 1.
func (a *average) result() []float32 {
	out := make([]float32, len(a.sum))
	for i, v := range a.sum {
		if a.config.Strategy == FedNova {
			v = float64(a.model[i]) + a.effort*v
		}
		out[i] = float32(v)
	}
	return out
}

// sequencer gives the numbers 0..n-1 to workers and takes their results in that
// order, whichever is ready first. At most window results wait.
type sequencer struct {
	mu      sync.Mutex
	space   sync.Cond
	n       int
	window  int
	given   int // numbers given out
	taken   int // results taken
	waiting map[int]*update
	free    []*update
	take    func(i int, u *update) // called with the next result, one at a time
	err     error
}

func newSequencer(n, window int, take func(i int, u *update)) *sequencer {
	l := &sequencer{n: n, window: window, waiting: make(map[int]*update), take: take}
	l.space.L = &l.mu
	return l
}

// next is a number to work on and memory for its result, or false when there
// is no more work or a worker has failed.
func (l *sequencer) next() (i int, u *update, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && l.given < l.n && l.given >= l.taken+l.window {
		l.space.Wait()
	}
	if l.err != nil || l.given == l.n {
		return 0, nil, false
	}
	i, u = l.given, new(update)
	l.given++
	if last := len(l.free) - 1; last >= 0 {
		u, l.free = l.free[last], l.free[:last]
	}
	return i, u, true
}

// done hands in the result of a number, or the error that ends the work.
func (l *sequencer) done(i int, u *update, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.space.Broadcast()
	if err != nil {
		if l.err == nil {
			l.err = err
		}
		return
	}
	l.waiting[i] = u
	for {
		u, ok := l.waiting[l.taken]
		if !ok {
			return
		}
		l.take(l.taken, u)
		delete(l.waiting, l.taken)
		l.free = append(l.free, u)
		l.taken++
	}
}
