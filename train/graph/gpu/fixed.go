package gpu

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/graph"
)

// fixed adds the calls of an operation that has a kernel of its own.
func (p *plan) fixed(at int) error {
	v := p.Values[at]
	switch o := v.Op.(type) {
	case graph.ProductOp:
		p.product(at, o)
	case graph.ConvOp:
		return p.convolution(at, o)
	case graph.TransposeOp:
		in := p.shape(v.In[0])
		p.each(at, "transpose", words(v.Shape.TotalSize()), words(in[0]), divisor(in[0]))
	case graph.PadOp:
		p.border(at, o.Width, float32(o.Value))
	case graph.CropOp:
		p.border(at, -o.Width, 0)
	case graph.MeanPoolOp:
		p.each(at, "mean_pool", p.planes(at), words(o.Size))
	case graph.MeanSpreadOp:
		p.each(at, "mean_spread", p.planes(at), words(o.Size), divisor(o.Size))
	case graph.PickOp:
		p.each(at, "pick", p.planes(at), words(o.Size), words(o.Stride))
	case graph.ScatterOp:
		s, w := v.Shape, p.shape(v.In[1])
		p.each(at, "scatter", planes(s.TotalSize(), w[2], w[3], s[2], s[3]), words(o.Size), words(o.Stride),
			divisor(o.Stride))
	case graph.ChannelSumOp:
		s := v.Shape
		p.each(at, "channel_sum", words(s.TotalSize()), words(s[1]), divisor(s[2]*s[3]), divisor(s[1]*s[2]*s[3]),
			words(o.Before), words(o.After))
	case graph.GatherOp:
		p.each(at, "gather", words(v.Shape.TotalSize()), divisor(v.Shape.TotalSize()/v.Shape[0]), words(p.shape(v.In[0])[0]))
	case graph.SpreadOp:
		p.each(at, "spread", words(v.Shape.TotalSize()), divisor(v.Shape.TotalSize()/v.Shape[0]), words(p.shape(v.In[1])[0]))
	case graph.LogSoftmaxOp:
		p.launch(at, "log_softmax", [2]int{v.Shape[0], 1}, words(v.Shape[1]))
	case graph.WarpOp:
		p.warp(at, o)
	default:
		return fmt.Errorf("engine gpu: no kernel for operation %s", v.Op)
	}
	return nil
}

// launch adds the call of a kernel that reads a value's operands and writes it; the rest are its other arguments.
func (p *plan) launch(at int, name string, groups [2]int, rest ...[]byte) {
	c := call{name: name, groups: groups, reads: len(p.Values[at].In)}
	for _, in := range p.Values[at].In {
		c.args = append(c.args, argument{array: p.home[in]})
	}
	c.args = append(c.args, argument{array: p.home[at]})
	p.calls = append(p.calls, c.with(rest...))
}

// with is the call with more arguments.
func (c call) with(rest ...[]byte) call {
	for _, b := range rest {
		c.args = append(c.args, argument{array: -1, bytes: b})
	}
	return c
}

// each is launch with a work item per value of the result.
func (p *plan) each(at int, name string, rest ...[]byte) {
	p.launch(at, name, [2]int{driver.Groups(p.shape(at).TotalSize()), 1}, rest...)
}

// words are 32-bit numbers as an argument.
func words(values ...int) []byte {
	out := make([]uint32, len(values))
	for i, v := range values {
		out[i] = uint32(v)
	}
	return driver.Words(out...).Bytes
}

// divisor is what struct divisor holds for a division by d: q = (high(n m) + n) >> s is n / d for n below
// 2^31 (Granlund and Montgomery 1994, figure 4.1).
func divisor(d int) []byte {
	s := bits.Len32(uint32(d - 1))
	m := (uint64(1)<<32)*(uint64(1)<<s-uint64(d))/uint64(d) + 1
	return driver.Words(uint32(m), uint32(s), uint32(d)).Bytes
}

// together are arguments as one structure.
func together(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// planes is struct planes.
func planes(n, height, width, rows, cols int) []byte {
	return together(words(n, height, width, rows, cols), divisor(rows*cols), divisor(cols))
}

// planes is that of a value computed from maps.
func (p *plan) planes(at int) []byte {
	in, out := p.shape(p.Values[at].In[0]), p.shape(at)
	return planes(out.TotalSize(), in[2], in[3], out[2], out[3])
}

func (p *plan) border(at, shift int, value float32) {
	p.each(at, "border", p.planes(at), words(shift), words(int(math.Float32bits(value))))
}

func (p *plan) warp(at int, o graph.WarpOp) {
	from, to := p.shape(p.Values[at].In[0]), p.shape(at)
	flag := map[bool]int{true: 1}
	shape := together(words(to.TotalSize(), to[1], from[2], from[3], to[2], to[3]), divisor(to[2]*to[3]), divisor(to[3]),
		divisor(to[1]*to[2]*to[3]), words(flag[o.Corners], flag[o.Border]))
	name := "warp"
	if o.Back {
		name = "warp_back"
	}
	p.each(at, name, shape)
}

// addParts is the call that adds up parts of n values.
func addParts(from, to, n, parts int) call {
	c := call{name: "sum_parts", groups: [2]int{driver.Groups(n), 1}, reads: 1, args: []argument{{array: from},
		{array: to}}}
	return c.with(words(n), words(parts))
}
