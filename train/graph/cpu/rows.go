package cpu

import (
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph/lower"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// rowValues is about how many values of one operand a row program processes at
// a time: a dozen such operands fit into the second-level cache, and the cost
// of calls is small.
const rowValues = 1 << 12

// place says where a row program reads or writes a value.
type place struct {
	value int // whose memory, or -1
	at    int // first value of a register, or values to the place of a row's first
	size  int // values per row; zero where all rows share one
}

// instruction is one operation of a row program.
type instruction struct {
	run    rowRun
	out    place
	in     [3]place
	inputs int
}

// gathering fills a register with the values that rows share.
type gathering struct {
	from     int // value
	to       place
	div, mod int
}

// fill writes the values of the rows from first on.
func (g *gathering) fill(to, from []float32, first int) {
	if g.mod == 1 {
		kernel.Fill(to, nil, from[0])
		return
	}
	at, left := first/g.div%g.mod, g.div-first%g.div
	for r := range to {
		to[r] = from[at]
		if left--; left == 0 {
			left = g.div
			if at++; at == g.mod {
				at = 0
			}
		}
	}
}

// rowProgram runs the values of one step a few rows at a time. Values that only
// the step itself reads are in registers: pieces of a worker's scratch.
type rowProgram struct {
	p           *program
	rows, block int
	code        []instruction
	gathers     []gathering
	registers   int // values
}

// newRowProgram compiles a step.
func newRowProgram(p *program, s step) *rowProgram {
	k := &rowProgram{p: p, rows: s.rows}
	widest := 1
	for _, at := range s.values {
		widest = max(widest, rowSize(p.values[at].shape))
		for _, in := range p.values[at].in {
			if o := operandOf(p.values[in].shape, p.values[at].shape); o.kind == ownRow {
				widest = max(widest, o.size)
			}
		}
	}
	k.block = min(k.rows, max(1, rowValues/widest))
	a := allocator{k: k, last: lastUses(p, s), register: make(map[int]place), shared: make(map[int]place)}
	for i, at := range s.values {
		a.emit(i, at)
	}
	return k
}

// lastUses is the position within the step of the last reader of each value.
func lastUses(p *program, s step) map[int]int {
	last := make(map[int]int)
	for i, at := range s.values {
		for _, in := range p.values[at].in {
			last[in] = i
		}
	}
	return last
}

// allocator assigns registers to values while they are needed.
type allocator struct {
	k        *rowProgram
	last     map[int]int
	register map[int]place // of values of the step
	shared   map[int]place // of gathered operands, by value
	free     []place
}

func (a *allocator) emit(i, at int) {
	p := a.k.p
	v := p.values[at]
	ins := instruction{run: v.row, inputs: len(v.in)}
	for j, in := range v.in {
		ins.in[j] = a.operand(in, operandOf(p.values[in].shape, v.shape))
	}
	size := rowSize(v.shape)
	if v.kept {
		ins.out = place{value: at, size: size}
	} else {
		ins.out = a.take(size)
		a.register[at] = ins.out
	}
	for _, in := range v.in {
		if r, ok := a.register[in]; ok && a.last[in] == i {
			a.free = append(a.free, r)
			delete(a.register, in)
		}
	}
	if _, read := a.last[at]; !read && !v.kept {
		a.free = append(a.free, ins.out)
	}
	a.k.code = append(a.k.code, ins)
}

// take finds a free register for rows of a size, or makes one.
func (a *allocator) take(size int) place {
	for i, r := range a.free {
		if r.size == size {
			a.free = slices.Delete(a.free, i, i+1)
			return r
		}
	}
	return a.make(size)
}

// make adds a register.
func (a *allocator) make(size int) place {
	r := place{value: -1, at: a.k.registers, size: size}
	a.k.registers += lower.Aligned(a.k.block * size)
	return r
}

// operand is where an instruction reads a value.
func (a *allocator) operand(value int, o rowOperand) place {
	switch o.kind {
	case everyRow:
		return place{value: value}
	case fewRows:
		r, ok := a.shared[value]
		if !ok {
			r = a.make(1) // filled before the first instruction: no register that one has used
			a.shared[value] = r
			a.k.gathers = append(a.k.gathers, gathering{value, r, o.div, o.mod})
		}
		return r
	}
	if r, ok := a.register[value]; ok {
		return r
	}
	return place{value: value, size: o.size}
}

// run does all rows.
func (k *rowProgram) run(pool *kernel.Pool) { pool.Run((k.rows+k.block-1)/k.block, k) }

// Part implements kernel.Task: one block of rows.
func (k *rowProgram) Part(s *kernel.Scratch, part int) {
	first := part * k.block
	rows := min(k.block, k.rows-first)
	registers := s.Floats(k.registers)
	for i := range k.gathers {
		g := &k.gathers[i]
		g.fill(registers[g.to.at:g.to.at+rows], k.p.values[g.from].data, first)
	}
	for i := range k.code {
		c := &k.code[i]
		var in [3][]float32
		for j := range c.inputs {
			in[j] = k.view(registers, c.in[j], first, rows)
		}
		c.run(rows, k.view(registers, c.out, first, rows), in)
	}
}

// view is the memory of some rows of a place.
func (k *rowProgram) view(registers []float32, at place, first, rows int) []float32 {
	if at.value < 0 {
		return registers[at.at : at.at+rows*at.size]
	}
	data := k.p.values[at.value].data
	if at.size == 0 {
		return data
	}
	return data[first*at.size : (first+rows)*at.size]
}

// onAllRows runs a row kernel on whole arrays, for values outside row programs.
func onAllRows(o rowwise, in []tensor.Shape, out tensor.Shape) run {
	operands := make([]rowOperand, len(in))
	for i, s := range in {
		operands[i] = operandOf(s, out)
	}
	f, rows := o.onRows(operands, in, out), rowsOf(out)
	return func(_ *kernel.Pool, in [][]float32, out []float32) {
		var views [3][]float32
		copy(views[:], in)
		f(rows, out, views)
	}
}
