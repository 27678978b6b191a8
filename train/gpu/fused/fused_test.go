package fused

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
)

// random is a kernel with its arrays' values, and their number of values.
type random struct {
	*Kernel
	in   [][]float32
	also []random // those of Also
}

// compute is what a kernel writes to each array, as simply as possible.
func (k random) compute() [][]float64 {
	places := 1
	for _, n := range k.Dims {
		places *= n
	}
	sums, _ := k.sizes()
	out := make([][]float64, len(k.Stores)+len(k.Sums))
	for i := range out {
		out[i] = make([]float64, places)
		if i >= len(k.Stores) {
			out[i] = out[i][:sums]
		}
	}
	index := make([]int, len(k.Dims))
	for place := range places {
		rest := place
		for d := len(k.Dims) - 1; d >= 0; d-- {
			index[d], rest = rest%k.Dims[d], rest/k.Dims[d]
		}
		values := k.values(index)
		for i, s := range k.Stores {
			out[i][place] = values[s.Value]
		}
		kept := 0
		for d, n := range k.Dims {
			if k.Summed != nil && !k.Summed[d] {
				kept = kept*n + index[d]
			}
		}
		for i, s := range k.Sums {
			out[len(k.Stores)+i][kept] += values[s.Value]
		}
	}
	return out
}

func (k random) values(index []int) []float64 {
	values := make([]float64, len(k.Code))
	for n, i := range k.Code {
		var x, y float64
		if i.Op.operands() > 0 {
			x = values[i.X]
		}
		if i.Op.operands() > 1 {
			y = values[i.Y]
		}
		if i.Op == Load {
			at := k.Reads[i.X].Start
			for d, s := range k.Reads[i.X].Strides {
				at += s * index[d]
			}
			values[n] = float64(k.in[i.X][at])
			continue
		}
		values[n] = apply(i, x, y)
	}
	return values
}

func apply(i Instruction, x, y float64) float64 {
	c := float64(i.C)
	pick := func(b bool, x, y float64) float64 {
		if b {
			return x
		}
		return y
	}
	switch i.Op {
	case Constant:
		return c
	case Add:
		return x + y
	case Sub:
		return x - y
	case Mul:
		return x * y
	case Div:
		return x / y
	case Gate:
		return pick(y > 0, x, 0)
	case Scale:
		return c * x
	case Offset:
		return x + c
	case Exp:
		return math.Exp(x)
	case Log:
		return math.Log(x)
	case Sqrt:
		return math.Sqrt(x)
	case Relu:
		return max(x, 0)
	case Step:
		return pick(x > 0, 1, 0)
	case Rsqrt:
		return 1 / math.Sqrt(x)
	case Power:
		return math.Pow(x, c)
	case Round:
		return math.RoundToEven(x)
	case AtLeast:
		return max(x, y)
	case AtMost:
		return min(x, y)
	}
	panic(fmt.Sprint("instruction ", i.Op))
}

// grow makes a random kernel: some arrays stretched, some read from the middle, all instructions, all kinds of sums.
func grow(rng *rand.Rand) random {
	k := random{Kernel: new(Kernel)}
	for range 1 + rng.IntN(4) {
		k.Dims = append(k.Dims, 1+rng.IntN(9))
	}
	for a := range 1 + rng.IntN(3) {
		r, n := Read{Array: a, Start: rng.IntN(3), Strides: make([]int, len(k.Dims))}, 1
		for d := len(k.Dims) - 1; d >= 0; d-- {
			if rng.IntN(3) > 0 {
				r.Strides[d] = n
				n *= k.Dims[d]
			}
		}
		k.Reads, k.Inputs = append(k.Reads, r), k.Inputs+1
		values := make([]float32, r.Start+n)
		for i := range values {
			values[i] = 0.2 + rng.Float32()
		}
		k.in = append(k.in, values)
		k.Value(a)
	}
	for range 3 + rng.IntN(12) {
		i := Instruction{Op: Op(rng.IntN(int(AtMost) + 1)), X: rng.IntN(len(k.Code)), Y: rng.IntN(len(k.Code)),
			C: rng.Float32()}
		if i.Op == Load {
			continue
		}
		k.Add(i)
	}
	if rng.IntN(2) == 0 {
		k.Summed = make([]bool, len(k.Dims))
		for d := range k.Dims {
			k.Summed[d] = rng.IntN(2) == 0 || k.Dims[d] == 1
		}
		k.Sums = []Result{{Value: len(k.Code) - 1}, {Value: 0}}
	}
	if k.Summed == nil || rng.IntN(3) == 0 {
		k.Stores = append(k.Stores, Result{Value: len(k.Code) - 1}, Result{Value: rng.IntN(len(k.Code))})
	}
	for i := range k.Stores {
		k.Stores[i].Array = k.Inputs + i
	}
	for i := range k.Sums {
		k.Sums[i].Array = k.Inputs + len(k.Stores) + i
	}
	return k
}

// run runs a kernel's PTX in the interpreter, in the second of two lanes.
func (k random) run(t *testing.T) [][]float32 {
	t.Helper()
	d := ptxtest.New()
	alloc := func(n int) driver.Buffer {
		b, err := d.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	m, err := d.Build(PTXHeader + k.PTX("k"))
	if err != nil {
		t.Fatalf("%v\n%s", err, k.PTX("k"))
	}
	entry, err := m.Kernel("k")
	if err != nil {
		t.Fatal(err)
	}
	lanes := alloc(1)
	l := driver.Launch{Kernel: entry, Args: []driver.Arg{driver.Pointer(lanes)}}
	groups := k.Groups()
	l.Groups = [3]int{groups[0], groups[1], 1}
	if err := lanes.Write(0, []float32{math.Float32frombits(1)}); err != nil {
		t.Fatal(err)
	}
	var outs []driver.Buffer
	for _, k := range append([]random{k}, k.also...) {
		for _, values := range k.in {
			b := alloc(2*len(values) + 1)
			if err := b.Write(1+len(values), values); err != nil {
				t.Fatal(err)
			}
			l.Args = append(l.Args, driver.Pointer(b), driver.Long(1), driver.Long(len(values)))
		}
		sizes := k.compute()
		for i := range sizes {
			b := alloc(2 * len(sizes[i]) * max(1, k.Parts))
			outs = append(outs, b)
			l.Args = append(l.Args, driver.Pointer(b), driver.Long(0), driver.Long(b.Len()/2))
		}
	}
	if err := d.Launch(l); err != nil {
		t.Fatalf("%v\n%s", err, k.PTX("k"))
	}
	var out [][]float32
	for _, b := range outs {
		values := make([]float32, b.Len()/2)
		if err := b.Read(b.Len()/2, values); err != nil {
			t.Fatal(err)
		}
		out = append(out, values)
	}
	return out
}

func TestRandomKernelsComputeWhatTheySay(t *testing.T) {
	for seed := range uint64(300) {
		k := grow(rand.New(rand.NewPCG(seed, 5)))
		want := k.compute()
		for n := uint64(1); k.Summed == nil && n < 1+seed%4; n++ { // others in further groups of the launch
			if o := grow(rand.New(rand.NewPCG(seed+1000*n, 5))); o.Summed == nil {
				k.also, k.Also = append(k.also, o), append(k.Also, o.Kernel)
				want = append(want, o.compute()...)
			}
		}
		got := k.run(t)
		for i := range want {
			for j, w := range want[i] {
				g := float64(got[i][j])
				same := math.IsNaN(w) && math.IsNaN(g) || math.IsInf(w, 0) && g == w
				if !same && !(math.Abs(g-w) <= 2e-4*(1+math.Abs(w))) && math.Abs(w) < 1e30 {
					t.Fatalf("seed %d, dims %v, summed %v: array %d, value %d is %v, want %v\n%s", seed, k.Dims, k.Summed, i, j, g, w,
						k.PTX("k"))
				}
			}
		}
	}
}

func TestLongSumsAreSplitIntoParts(t *testing.T) {
	k := random{Kernel: &Kernel{Dims: []int{3, 40_000}, Inputs: 1, Reads: []Read{{Strides: []int{40_000, 1}}},
		Summed: []bool{false,
			true}}}
	values := make([]float32, 120_000)
	for i := range values {
		values[i] = float32(i % 5)
	}
	k.in = [][]float32{values}
	k.Sums = []Result{{Value: k.Value(0), Array: 1}}
	if !k.Split() || k.Parts < 2 {
		t.Fatalf("a sum of 40,000 has %d parts", k.Parts)
	}
	got := k.run(t)[0]
	for o := range 3 {
		sum := float32(0)
		for part := range k.Parts {
			sum += got[part*3+o]
		}
		if sum != 80_000 {
			t.Errorf("sum %d is %v", o, sum)
		}
	}
	short := &Kernel{Dims: []int{3, 40}, Summed: []bool{false, true}}
	if short.Split() {
		t.Error("a short sum was split")
	}
}

func TestNeighboringDimensionsAreJoined(t *testing.T) {
	k := &Kernel{Dims: []int{2, 3, 4, 5}, Inputs: 2,
		Reads: []Read{{Strides: []int{60, 20, 5, 1}}, {Array: 1, Strides: []int{0, 1, 0, 0}}}}
	if n := k.normalize(); !slices.Equal(n.Dims, []int{2, 3, 20}) {
		t.Errorf("dimensions are %v", n.Dims)
	}
	k.Reads = k.Reads[:1]
	if n := k.normalize(); !slices.Equal(n.Dims, []int{120}) {
		t.Errorf("dimensions are %v", n.Dims)
	}
}

func TestConstantsAreWrittenExactly(t *testing.T) {
	for c, want := range map[float32]string{0.1: "(0x1.99999ap-04f)", -3: "(-0x1.8p+01f)",
		float32(math.Inf(1)):  "INFINITY",
		float32(math.Inf(-1)): "(-INFINITY)"} {
		if got := number(c); got != want {
			t.Errorf("%v is written %s", c, got)
		}
	}
	if hex(1) != "0f3F800000" || number(float32(math.NaN())) != "NAN" {
		t.Error("one, or no number, is written wrongly")
	}
}

func TestEqualKernelsHaveEqualTexts(t *testing.T) {
	a, b := grow(rand.New(rand.NewPCG(1, 5))), grow(rand.New(rand.NewPCG(1, 5)))
	if a.Text() != b.Text() {
		t.Error("the same kernel has two texts")
	}
	b.Add(Instruction{Op: Constant, C: 17})
	if a.Text() == b.Text() {
		t.Error("two kernels have one text")
	}
	if source := a.OpenCL("k"); !strings.HasPrefix(source, "KERNEL void k(__global const uint *lanes, READS(p0)") {
		t.Errorf("source begins %q", source[:60])
	}
}
