package cpu

import (
	"cmp"
	"slices"

	"gorgonia.org/tensor"
)

// Fusion. Most operations between products work row by row: row r of the result
// depends on row r of the inputs alone. A row is what the leading dimensions
// count (samples of a matrix, planes of maps), so instance norm, with its sums
// over a plane, is row by row as well. Such values are fused into row programs,
// which run a few rows at a time through all their operations while these rows
// stay in the first-level cache.

// rowwise is an operation that can work row by row.
type rowwise interface {
	// onRows binds the kernel for operands of the given kinds and lengths of a
	// row. It returns nil if the operation needs more than its rows.
	onRows(in []rowOperand, shapes []tensor.Shape, out tensor.Shape) rowRun
}

// rowRun computes rows of out from the same rows of its operands.
type rowRun func(rows int, out []float32, in [3][]float32)

// rowOperand says which values of an operand a row reads.
type rowOperand struct {
	kind rowKind
	size int // values per row
	// div and mod select the value of a row: (row / div) % mod.
	div, mod int
}

type rowKind int

const (
	ownRow   rowKind = iota // a row of its own
	fewRows                 // one value, shared by several rows
	everyRow                // the same whole row for all
	noRow                   // none of these
)

// rowsOf is the number of rows of a shape.
func rowsOf(s tensor.Shape) int {
	if len(s) == 4 {
		return s[0] * s[1]
	}
	return s[0]
}

// rowSize is the number of values in a row of a shape.
func rowSize(s tensor.Shape) int { return s.TotalSize() / max(1, rowsOf(s)) }

// operandOf classifies an operand of shape s for a result of shape out.
func operandOf(s, out tensor.Shape) rowOperand {
	if len(s) != len(out) {
		return rowOperand{kind: noRow}
	}
	lead := 1
	if len(s) == 4 {
		lead = 2
	}
	inner := s[lead:].TotalSize()
	if len(s) == lead {
		inner = 1
	}
	switch {
	case slices.Equal(s[:lead], out[:lead]):
		return rowOperand{kind: ownRow, size: inner}
	case inner == 1 && (lead == 1 || s[0] == 1 && s[1] == 1):
		return rowOperand{kind: fewRows, size: 1, div: 1, mod: 1}
	case inner == 1 && s[0] == 1:
		return rowOperand{kind: fewRows, size: 1, div: 1, mod: s[1]}
	case inner == 1 && s[1] == 1:
		return rowOperand{kind: fewRows, size: 1, div: out[1], mod: s[0]}
	case s[:lead].TotalSize() == 1:
		return rowOperand{kind: everyRow, size: inner}
	}
	return rowOperand{kind: noRow}
}

// fusion finds out which values run together, and in which order.
type fusion struct {
	p     *program
	run   []rowRun // nil: the value stands alone
	level []int    // of each value: steps of higher levels run first
	users [][]int
}

// fuse plans the steps of a program.
func (p *program) fuse() {
	f := fusion{p: p, run: make([]rowRun, len(p.values)), level: make([]int, len(p.values)),
		users: make([][]int, len(p.values))}
	for at, v := range p.values {
		for _, in := range v.in {
			f.users[in] = append(f.users[in], at)
		}
		f.run[at] = p.rowRunOf(v)
	}
	f.findLevels()
	f.scheduleEarly()
	p.steps = f.steps()
	f.contract()
}

// rowRunOf is a value's kernel on rows, or nil.
func (p *program) rowRunOf(v value) rowRun {
	if v.op == nil || v.shape.TotalSize() == 0 {
		return nil
	}
	o, ok := v.kernel.(rowwise)
	if !ok {
		return nil
	}
	operands, shapes := make([]rowOperand, len(v.in)), make([]tensor.Shape, len(v.in))
	for i, in := range v.in {
		shapes[i] = p.values[in].shape
		if operands[i] = operandOf(shapes[i], v.shape); operands[i].kind == noRow {
			return nil
		}
	}
	return o.onRows(operands, shapes, v.shape)
}

// joins reports whether two values may run in one row program.
func (f *fusion) joins(a, b int) bool {
	return f.run[a] != nil && f.run[b] != nil && rowsOf(f.p.values[a].shape) == rowsOf(f.p.values[b].shape)
}

// findLevels puts every value as late as its users allow, so that what only
// the backward pass needs is not computed in the forward pass. Two values that cannot
// join are at least one level apart, so that values of one level with the same number
// of rows never depend on each other through a third.
func (f *fusion) findLevels() {
	for at := len(f.p.values) - 1; at >= 0; at-- {
		for _, user := range f.users[at] {
			below := f.level[user]
			if !f.joins(at, user) {
				below++
			}
			f.level[at] = max(f.level[at], below)
		}
	}
}

// scheduleEarly moves unfused values that are smaller than their inputs right after
// these inputs, whose memory is then free earlier.
func (f *fusion) scheduleEarly() {
	for at, v := range f.p.values {
		if v.op == nil || f.run[at] != nil || len(v.in) == 0 {
			continue
		}
		size, earliest := 0, int(^uint(0)>>1)
		for _, in := range v.in {
			size += f.p.values[in].shape.TotalSize()
			if f.p.values[in].op != nil {
				earliest = min(earliest, f.level[in]-1)
			}
		}
		if v.shape.TotalSize() < size && earliest != int(^uint(0)>>1) {
			f.level[at] = max(f.level[at], earliest)
		}
	}
}

// steps groups the connected values of each level into steps, in order.
func (f *fusion) steps() []step {
	group := f.groups()
	places := make(map[int]int) // of each group among the steps
	var steps []step
	for at, v := range f.p.values {
		if v.op == nil {
			continue
		}
		if f.run[at] == nil {
			steps = append(steps, step{values: []int{at}, level: f.level[at]})
			continue
		}
		i, ok := places[group[at]]
		if !ok {
			i = len(steps)
			places[group[at]] = i
			steps = append(steps, step{level: f.level[at], rows: rowsOf(v.shape)})
		}
		steps[i].values = append(steps[i].values, at)
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(b.level, a.level) })
	for i, s := range steps {
		for _, at := range s.values {
			f.p.values[at].step = i
			f.p.values[at].row = f.run[at]
		}
	}
	for at, v := range f.p.values {
		f.p.values[at].kept = v.op == nil || f.isKept(at)
	}
	return steps
}

// groups gives the values that run together the same number: those that join,
// on one level, and read each other or the same value of their own size.
func (f *fusion) groups() []int {
	parent := make([]int, len(f.p.values))
	for i := range parent {
		parent[i] = i
	}
	var find func(i int) int
	find = func(i int) int {
		if parent[i] != i {
			parent[i] = find(parent[i])
		}
		return parent[i]
	}
	together := func(a, b int) bool { return f.joins(a, b) && f.level[a] == f.level[b] }
	for at, v := range f.p.values {
		for _, in := range v.in {
			if together(at, in) {
				parent[find(at)] = find(in)
				continue
			}
			for _, other := range f.users[in] {
				if other < at && together(at, other) && rowSize(f.p.values[in].shape) > 1 {
					parent[find(at)] = find(other)
				}
			}
		}
	}
	for i := range parent {
		parent[i] = find(i)
	}
	return parent
}

// isKept reports whether a value needs memory of its own: it is read by another
// step, or by none.
func (f *fusion) isKept(at int) bool {
	v := f.p.values[at]
	if f.run[at] == nil || slices.Contains(f.p.outputs, at) {
		return true
	}
	return slices.ContainsFunc(f.users[at], func(user int) bool {
		return f.run[user] == nil || f.p.values[user].step != v.step
	})
}
