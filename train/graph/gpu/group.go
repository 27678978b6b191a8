package gpu

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/graph"
)

// ErrFull means that all lanes of a group are in use.
var ErrFull = errors.New("every lane of the group is in use")

// Group is engines that compute equal programs side by side: lanes. Memory of a lane lies beside that of the
// others, so that one launch reaches all. What a lane computes does not depend on the others.
type Group struct {
	host     *Host
	lanes    int
	engines  []*Engine // by lane; nil where nobody has joined
	programs map[string][]*compiled
	slots    map[int][]*slot          // memory of variables, by number of values
	numbers  map[string]driver.Buffer // the numbers of lanes that are computed together
	pending  []*request
	batch    int // counts dispatches
	next     int // number of the next slot
}

// Group is a group of n lanes.
func (h *Host) Group(n int) (*Group, error) {
	if n < 1 {
		return nil, fmt.Errorf("a group of %d lanes", n)
	}
	return &Group{host: h, lanes: n, engines: make([]*Engine, n), programs: make(map[string][]*compiled),
		slots: make(map[int][]*slot), numbers: make(map[string]driver.Buffer)}, nil
}

// Join is an engine in a free lane; Close gives the lane back. It fails with ErrFull.
func (g *Group) Join() (graph.Engine, error) {
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	lane := slices.Index(g.engines, nil)
	if lane < 0 {
		return nil, fmt.Errorf("%w: %d", ErrFull, g.lanes)
	}
	g.engines[lane] = &Engine{group: g, lane: lane}
	return g.engines[lane], nil
}

// leave frees what an engine has, and dispatches what waited for it.
func (g *Group) leave(e *Engine) {
	for _, p := range slices.Clone(e.programs) {
		p.release()
	}
	for _, s := range slices.Clone(e.held) {
		e.drop(s)
	}
	g.engines[e.lane] = nil
	if g.members() == 0 {
		for _, b := range g.numbers {
			b.Free()
		}
		clear(g.numbers)
	}
	g.dispatchIfAll()
}

// members is the number of engines that have joined.
func (g *Group) members() (n int) {
	for _, e := range g.engines {
		if e != nil {
			n++
		}
	}
	return n
}

// slot is memory of n values in each lane.
type slot struct {
	id     int
	buffer driver.Buffer
	n      int
	users  []bool // lanes that have a variable here
}

// take is memory for a variable of a lane: the first slot of its size that the lane does not use, so that
// lanes that do the same have the same slots.
func (g *Group) take(lane, n int) (*slot, error) {
	for _, s := range g.slots[n] {
		if !s.users[lane] {
			s.users[lane] = true
			return s, s.buffer.Write(lane*n, make([]float32, n))
		}
	}
	b, err := g.host.device.Alloc(g.lanes * n)
	if err != nil {
		return nil, fmt.Errorf("variable of %d values: %w", n, err)
	}
	s := &slot{id: g.next, buffer: b, n: n, users: make([]bool, g.lanes)}
	g.next++
	s.users[lane] = true
	g.slots[n] = append(g.slots[n], s)
	return s, nil
}

// release frees a slot that no lane uses.
func (g *Group) release(s *slot) {
	if slices.Contains(s.users, true) {
		return
	}
	for _, list := range g.programs {
		for _, c := range list {
			c.forget(s)
		}
	}
	s.buffer.Free()
	g.slots[s.n] = slices.DeleteFunc(g.slots[s.n], func(o *slot) bool { return o == s })
}

// patience is how long a lane waits for the others before it is computed without them.
const patience = 2 * time.Millisecond

// request is a lane that waits to be computed.
type request struct {
	program *program
	steps   int
	key     string
	err     error
	wake    chan struct{} // nil for a group of one
}

// run computes a lane's program, together with those of other lanes that are ready. The host is locked; it is
// unlocked while the lane waits.
func (g *Group) run(p *program, steps int) error {
	r := &request{program: p, steps: steps, key: p.bindingKey(steps)}
	if g.members() == 1 && len(g.pending) == 0 {
		return g.launch([]*request{r})
	}
	r.wake = make(chan struct{})
	g.pending = append(g.pending, r)
	if !g.dispatchIfAll() && len(g.pending) == 1 {
		batch := g.batch
		time.AfterFunc(patience, func() {
			g.host.mu.Lock()
			defer g.host.mu.Unlock()
			if g.batch == batch {
				g.dispatch()
			}
		})
	}
	g.host.mu.Unlock()
	<-r.wake
	g.host.mu.Lock()
	return r.err
}

// dispatchIfAll dispatches when every engine of the group waits.
func (g *Group) dispatchIfAll() bool {
	if len(g.pending) == 0 || len(g.pending) < g.members() {
		return false
	}
	g.dispatch()
	return true
}

// dispatch computes all that wait, those of equal programs with equal variables by one replay.
func (g *Group) dispatch() {
	waiting := g.pending
	g.pending, g.batch = nil, g.batch+1
	for len(waiting) > 0 {
		first := waiting[0]
		var together, rest []*request
		for _, r := range waiting {
			if r.program.compiled == first.program.compiled && r.key == first.key {
				together = append(together, r)
			} else {
				rest = append(rest, r)
			}
		}
		err := g.launch(together)
		for _, r := range together {
			r.err = err
			close(r.wake)
		}
		waiting = rest
	}
}

// launch replays a program for some lanes.
func (g *Group) launch(together []*request) error {
	lanes := make([]int, len(together))
	for i, r := range together {
		lanes[i] = r.program.engine.lane
	}
	slices.Sort(lanes)
	first := together[0]
	return first.program.compiled.run(first.program, first.key, lanes, first.steps)
}
