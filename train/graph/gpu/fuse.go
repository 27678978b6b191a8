package gpu

import (
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/gpu/fused"
	"github.com/distillmesh/distillmesh/train/graph"
)

// Fusion. A function of single values has no memory of its own unless something other than such functions
// and sums needs it: whoever reads it computes it again from what has memory, inside its own
// kernel. Memory is what GPUs wait for, not arithmetic.

// The largest kernel that is put together.
const (
	mostLeaves = 10 // arrays that are read
	mostCode   = 48 // instructions
	mostArrays = 16 // of merged kernels
)

// isMap reports whether an operation computes each value from the same place of its operands.
func isMap(op graph.Operation) bool {
	switch op.(type) {
	case graph.ArithmeticOp, graph.BroadcastOp, graph.GateOp, graph.MapOp:
		return true
	}
	return false
}

func isSum(op graph.Operation) bool {
	_, ok := op.(graph.SumOp)
	return ok
}

// fusing is what is known of a value without memory.
type fusing struct {
	leaves [][]int // of each value, what it is computed from that has memory
	code   []int   // instructions, about
}

// keep decides which values have memory.
func (p *plan) keep() {
	users := make([]int, len(p.Values))
	for at, v := range p.Values {
		p.kept[at] = v.Op == nil || !isMap(v.Op)
		for _, in := range v.In {
			users[in]++
			if !isMap(v.Op) && !isSum(v.Op) {
				p.kept[in] = true
			}
		}
	}
	for _, at := range p.Outputs {
		p.kept[at] = true
	}
	p.fusing = fusing{make([][]int, len(p.Values)), make([]int, len(p.Values))}
	for at, v := range p.Values {
		if v.Op == nil || !isMap(v.Op) {
			continue
		}
		p.measure(at)
		if len(p.fusing.leaves[at]) > mostLeaves || p.fusing.code[at] > mostCode {
			for _, in := range v.In {
				p.kept[in] = true
			}
			p.measure(at)
		}
		p.kept[at] = p.kept[at] || p.worthKeeping(at, users[at])
	}
}

// measure finds what a value is computed from.
func (p *plan) measure(at int) {
	var leaves []int
	code := 1
	for _, in := range p.Values[at].In {
		if p.kept[in] {
			leaves = append(leaves, in)
			continue
		}
		leaves, code = append(leaves, p.fusing.leaves[in]...), code+p.fusing.code[in]
	}
	slices.Sort(leaves)
	p.fusing.leaves[at], p.fusing.code[at] = slices.Compact(leaves), code
}

// worthKeeping compares the memory that is moved: a value that u others need, computed from l arrays of
// its size, costs u l reads, or l reads, a write and u reads when it is kept.
func (p *plan) worthKeeping(at, users int) bool {
	large := 0
	for _, leaf := range p.fusing.leaves[at] {
		if p.shape(leaf).TotalSize() == p.shape(at).TotalSize() {
			large++
		}
	}
	return users*large > large+1+users
}

// fuse adds the call that computes a function of single values, or a sum.
func (p *plan) fuse(at int) {
	v := p.Values[at]
	b := fusedBuilder{plan: p, kernel: &fused.Kernel{Dims: v.Shape}, target: at, made: make(map[int]int)}
	if isSum(v.Op) {
		b.kernel.Dims = p.shape(v.In[0])
		b.kernel.Summed = make([]bool, len(v.Shape))
		for d, n := range v.Shape {
			b.kernel.Summed[d] = n == 1
		}
		b.kernel.Sums = []fused.Result{{Value: b.value(v.In[0])}}
	} else {
		b.kernel.Stores = []fused.Result{{Value: b.value(at)}}
	}
	b.finish(p.home[at])
	p.calls = append(p.calls, b.call())
}

// fusedBuilder puts a kernel together.
type fusedBuilder struct {
	plan   *plan
	kernel *fused.Kernel
	target int         // the value that it is for
	order  []int       // the arrays that are read
	made   map[int]int // instructions, by value
	writes []int
}

// finish gives the kernel's result its array.
func (b *fusedBuilder) finish(home int) {
	number := b.kernel.Inputs
	if len(b.kernel.Sums) > 0 {
		b.kernel.Sums[0].Array = number
	} else {
		b.kernel.Stores[0].Array = number
	}
	b.writes = []int{home}
}

func (b *fusedBuilder) call() call {
	c := call{fused: b.kernel, reads: len(b.order)}
	for _, a := range append(slices.Clone(b.order), b.writes...) {
		c.args = append(c.args, argument{array: a})
	}
	return c
}

// value is the instruction that computes a value, which the kernel computes anew unless it has memory
// already.
func (b *fusedBuilder) value(at int) int {
	if i, ok := b.made[at]; ok {
		return i
	}
	v := b.plan.Values[at]
	var i int
	if home := b.plan.home[at]; home >= 0 && b.plan.kept[at] && at != b.target {
		i = b.read(home, v.Shape)
	} else {
		i = b.instruction(v.Op, v.In)
	}
	b.made[at] = i
	return i
}

// read is the instruction that reads an array of a shape that is stretched to the kernel's.
func (b *fusedBuilder) read(home int, shape tensor.Shape) int {
	strides, step := make([]int, len(shape)), 1
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] != 1 {
			strides[d] = step
		}
		step *= shape[d]
	}
	return b.from(home, fused.Read{Strides: strides})
}

// from is the instruction that reads an array.
func (b *fusedBuilder) from(home int, r fused.Read) int {
	if r.Array = slices.Index(b.order, home); r.Array < 0 {
		r.Array, b.order = len(b.order), append(b.order, home)
		b.kernel.Inputs++
	}
	return b.kernel.Value(readOf(b.kernel, r))
}

// readOf is the number of a read, which is added unless it is there already.
func readOf(k *fused.Kernel, r fused.Read) int {
	for number, other := range k.Reads {
		if other.Array == r.Array && other.Start == r.Start && slices.Equal(other.Strides, r.Strides) {
			return number
		}
	}
	k.Reads = append(k.Reads, r)
	return len(k.Reads) - 1
}

// functions are the instructions of functions of one value.
var functions = [...]fused.Op{
	graph.ScaleBy: fused.Scale, graph.OffsetBy: fused.Offset, graph.FillWith: fused.Constant, graph.Exponential: fused.Exp,
	graph.Logarithm: fused.Log, graph.SquareRoot: fused.Sqrt, graph.Rectifier: fused.Relu, graph.UnitStep: fused.Step,
	graph.ReciprocalRoot: fused.Rsqrt, graph.PowerOf: fused.Power, graph.Nearest: fused.Round,
}

var arithmetic = map[rune]fused.Op{'+': fused.Add, '-': fused.Sub, '*': fused.Mul, '/': fused.Div}

func (b *fusedBuilder) instruction(op graph.Operation, in []int) int {
	switch o := op.(type) {
	case graph.BroadcastOp:
		return b.value(in[0])
	case graph.MapOp:
		i := fused.Instruction{Op: functions[o.Function], C: float32(o.Constant)}
		if o.Function != graph.FillWith {
			i.X = b.value(in[0])
		}
		return b.kernel.Add(i)
	case graph.GateOp:
		return b.kernel.Add(fused.Instruction{Op: fused.Gate, X: b.value(in[0]), Y: b.value(in[1])})
	case graph.ArithmeticOp:
		return b.kernel.Add(fused.Instruction{Op: arithmetic[o.Sign], X: b.value(in[0]), Y: b.value(in[1])})
	}
	panic("engine gpu: " + op.String() + " is no function of single values")
}
