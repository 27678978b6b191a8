package gpu

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/fused"
	"github.com/distillmesh/distillmesh/train/graph/lower"
)

// compiled is a program of a group: kernels, and memory for every lane.
type compiled struct {
	group   *Group
	key     string
	plan    *plan
	kernels []driver.Kernel         // of each call
	arena   driver.Buffer           // of each lane everything but bound inputs
	size    int                     // values of a lane
	inputs  []int                   // places of the inputs in a lane
	steps   []map[int]driver.Buffer // of each input its values for several runs, by their number
	users   []bool                  // lanes that have the program
	replays map[string]*replay
	order   []string // of replays, the oldest first
}

// mostReplays is how many ways to run a program are kept: with other variables, for other lanes.
const mostReplays = 64

// replay is a program with its arguments, for some lanes. It is recorded when it is needed again.
type replay struct {
	launches  []driver.Launch
	recording driver.Recording
	slots     []*slot
}

// program is a lane's program, made by the first lane that compiles it.
func (g *Group) program(e *Engine, plan *plan) (*program, error) {
	key := plan.key()
	for _, c := range g.programs[key] {
		if !c.users[e.lane] {
			return c.join(e), c.clear(e.lane)
		}
	}
	c := &compiled{group: g, key: key, plan: plan, users: make([]bool, g.lanes), replays: make(map[string]*replay),
		steps: make([]map[int]driver.Buffer, len(plan.Inputs))}
	if err := c.build(); err != nil {
		return nil, err
	}
	var pieces []*lower.Piece
	for _, a := range plan.arrays {
		if a.piece != nil {
			pieces = append(pieces, a.piece)
		}
	}
	c.size = lower.Arrange(pieces)
	for _, at := range plan.Inputs {
		c.inputs = append(c.inputs, c.size)
		c.size += lower.Aligned(plan.shape(at).TotalSize())
	}
	var err error
	if c.arena, err = g.host.device.Alloc(g.lanes * c.size); err != nil {
		return nil, fmt.Errorf("program of %d bytes in %d lanes: %w", 4*c.size, g.lanes, err)
	}
	g.programs[key] = append(g.programs[key], c)
	return c.join(e), nil
}

// join is the program in a lane, its inputs unbound.
func (c *compiled) join(e *Engine) *program {
	c.users[e.lane] = true
	p := &program{engine: e, compiled: c, bound: make([]binding, len(c.inputs)),
		stepped: make([]int, len(c.inputs))}
	e.programs = append(e.programs, p)
	return p
}

// clear sets the inputs of a lane to zero: an earlier engine had them.
func (c *compiled) clear(lane int) error {
	if len(c.inputs) == 0 {
		return nil
	}
	return c.arena.Write(lane*c.size+c.inputs[0], make([]float32, c.size-c.inputs[0]))
}

// build finds the kernels of all calls.
func (c *compiled) build() error {
	var list []*fused.Kernel
	for _, call := range c.plan.calls {
		if call.fused != nil {
			list = append(list, call.fused)
		}
	}
	made, err := c.group.host.builds.fusedKernels(list)
	if err != nil {
		return err
	}
	for i := range c.plan.calls {
		call := &c.plan.calls[i]
		if call.fused != nil {
			c.kernels, made, call.groups = append(c.kernels, made[0]), made[1:], call.fused.Groups()
			continue
		}
		k, err := c.group.host.builds.fixedKernel(call.name)
		if err != nil {
			return err
		}
		c.kernels = append(c.kernels, k)
	}
	return nil
}

// run computes the program in some lanes, with the variables of one of them. The first time it launches
// one call after the other, then it records them.
func (c *compiled) run(p *program, key string, lanes []int, steps int) error {
	name := key
	for _, lane := range lanes {
		name = string(binary.LittleEndian.AppendUint32([]byte(name), uint32(lane)))
	}
	r := c.replays[name]
	if r == nil {
		var err error
		if r, err = c.prepare(p, lanes, steps); err != nil {
			return err
		}
		c.keep(name, r)
		return c.group.host.device.Launch(r.launches...)
	}
	if r.recording == nil {
		var err error
		if r.recording, err = c.group.host.device.Record(r.launches); err != nil {
			return err
		}
		r.launches = nil
	}
	return r.recording.Run()
}

// keep adds a replay, and drops the oldest when there are many.
func (c *compiled) keep(name string, r *replay) {
	if len(c.order) >= mostReplays {
		c.drop(c.order[0])
	}
	c.replays[name] = r
	c.order = append(c.order, name)
}

func (c *compiled) drop(name string) {
	if r := c.replays[name]; r.recording != nil {
		r.recording.Free()
	}
	delete(c.replays, name)
	c.order = slices.DeleteFunc(c.order, func(n string) bool { return n == name })
}

// forget drops what uses a slot.
func (c *compiled) forget(s *slot) {
	for _, name := range slices.Clone(c.order) {
		if slices.Contains(c.replays[name].slots, s) {
			c.drop(name)
		}
	}
}

// numbering is a buffer that holds the numbers of lanes.
func (g *Group) numbering(lanes []int) (driver.Buffer, error) {
	key := fmt.Sprint(lanes)
	if b := g.numbers[key]; b != nil {
		return b, nil
	}
	b, err := g.host.device.Alloc(len(lanes))
	if err != nil {
		return nil, err
	}
	values := make([]float32, len(lanes))
	for i, lane := range lanes {
		values[i] = math.Float32frombits(uint32(lane))
	}
	if err := b.Write(0, values); err != nil {
		b.Free()
		return nil, err
	}
	g.numbers[key] = b
	return b, nil
}

// prepare makes the launches.
func (c *compiled) prepare(p *program, lanes []int, steps int) (*replay, error) {
	numbers, err := c.group.numbering(lanes)
	if err != nil {
		return nil, err
	}
	r := &replay{}
	for _, b := range p.bound {
		if b.slot != nil {
			r.slots = append(r.slots, b.slot)
		}
	}
	for step := range max(steps, 1) {
		if steps > 0 {
			take, err := c.take(p, numbers, step, steps, len(lanes))
			if err != nil {
				return nil, err
			}
			r.launches = append(r.launches, take...)
		}
		for i, call := range c.plan.calls {
			l := driver.Launch{Kernel: c.kernels[i], Groups: [3]int{call.groups[0], call.groups[1], len(lanes)},
				Args: []driver.Arg{driver.Pointer(numbers)}}
			for _, a := range call.args {
				if a.array < 0 {
					l.Args = append(l.Args, driver.Arg{Bytes: a.bytes})
					continue
				}
				o := c.operand(p, a.array)
				l.Args = append(l.Args, driver.Pointer(o.buffer), driver.Long(o.at), driver.Long(o.step))
			}
			r.launches = append(r.launches, l)
		}
	}
	return r, nil
}

// take is the launches that make an input's values those of a step.
func (c *compiled) take(p *program, numbers driver.Buffer, step, steps, lanes int) (out []driver.Launch, err error) {
	k, err := c.group.host.builds.fixedKernel("copy")
	if err != nil {
		return nil, err
	}
	for i, runs := range p.stepped {
		if runs == 0 {
			continue
		}
		n := c.plan.shape(c.plan.Inputs[i]).TotalSize()
		to := c.operand(p, c.plan.home[c.plan.Inputs[i]])
		out = append(out, driver.Launch{Kernel: k, Groups: [3]int{driver.Groups(n), 1, lanes},
			Args: []driver.Arg{driver.Pointer(numbers),
				driver.Pointer(c.steps[i][steps]), driver.Long(step * n), driver.Long(steps * n),
				driver.Pointer(to.buffer), driver.Long(to.at), driver.Long(to.step), driver.Words(uint32(n))}})
	}
	return out, nil
}

// hold is room for values of an input for several runs, in every lane.
func (c *compiled) hold(i, runs, n int) (driver.Buffer, error) {
	if b := c.steps[i][runs]; b != nil {
		return b, nil
	}
	b, err := c.group.host.device.Alloc(c.group.lanes * runs * n)
	if err != nil {
		return nil, fmt.Errorf("values of an input for %d runs: %w", runs, err)
	}
	if c.steps[i] == nil {
		c.steps[i] = make(map[int]driver.Buffer)
	}
	c.steps[i][runs] = b
	return b, nil
}

// operand is where an array is, and how far apart it is in two lanes.
type operand struct {
	buffer   driver.Buffer
	at, step int
}

func (c *compiled) operand(p *program, a int) operand {
	x := c.plan.arrays[a]
	if x.input < 0 {
		return operand{c.arena, x.piece.Offset, c.size}
	}
	if b := p.bound[x.input]; b.slot != nil {
		return operand{b.slot.buffer, b.at, b.slot.n}
	}
	return operand{c.arena, c.inputs[x.input], c.size}
}

// release frees the program when no lane has it.
func (c *compiled) release() {
	if slices.Contains(c.users, true) {
		return
	}
	for _, name := range slices.Clone(c.order) {
		c.drop(name)
	}
	for _, buffers := range c.steps {
		for _, b := range buffers {
			b.Free()
		}
	}
	c.arena.Free()
	list := c.group.programs[c.key]
	c.group.programs[c.key] = slices.DeleteFunc(list, func(o *compiled) bool { return o == c })
}
