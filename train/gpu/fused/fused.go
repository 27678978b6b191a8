// Package fused has kernels that compute chains of functions of single values, with or
// without a sum at the end, and writes them as OpenCL C or as PTX.
package fused

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// Op is an instruction of a kernel.
type Op int

// The instructions, on values x and y and a constant c.
const (
	Load     Op = iota // the value of read X at the place at hand
	Constant           // c
	Add                // x + y
	Sub                // x - y
	Mul                // x y
	Div                // x / y
	Gate               // x where y > 0, else 0
	Scale              // c x
	Offset             // x + c
	Exp                // e^x
	Log                // ln x
	Sqrt               // sqrt(x)
	Relu               // 0 where x < 0, else x
	Step               // 1 where x > 0, else 0
	Rsqrt              // 1 / sqrt(x)
	Power              // x^c, for x > 0
	Round              // the nearest integer, of two the even one
	AtLeast            // y where x < y, else x
	AtMost             // y where x > y, else x
)

// Instruction computes one value; X and Y are the numbers of earlier ones, or that of a read.
type Instruction struct {
	Op   Op
	X, Y int
	C    float32
}

// operands is how many values an instruction reads.
func (o Op) operands() int {
	switch o {
	case Load, Constant:
		return 0
	case Add, Sub, Mul, Div, Gate, AtLeast, AtMost:
		return 2
	}
	return 1
}

// Result is a value that is written to an array.
type Result struct {
	Value, Array int
}

// Read is how an array is read: from a value on, and so many values further per step in each dimension,
// zero where the array is stretched.
type Read struct {
	Array   int
	Start   int
	Strides []int
}

// Kernel computes values at every place of a box of Dims, row-major. Arrays are numbered in the order
// of its arguments: Inputs that are read, then those that are written.
type Kernel struct {
	Dims   []int
	Inputs int
	Reads  []Read
	Code   []Instruction
	Stores []Result // written at the place itself, as arrays of shape Dims
	// Summed marks the dimensions that Sums add up; nil where there are none. The sums are
	// arrays of the other dimensions, by parts when Parts is above one: a part after the other.
	Summed []bool
	Sums   []Result
	Parts  int
	// Also are kernels without sums that further groups of the same launch compute: their arrays are numbered each by
	// itself, and follow in order.
	Also []*Kernel
}

// Arrays is the number of arrays.
func (k *Kernel) Arrays() int {
	n := k.own()
	for _, o := range k.Also {
		n += o.own()
	}
	return n
}

// own is the number of arrays of the kernel without Also.
func (k *Kernel) own() int { return k.Inputs + len(k.Stores) + len(k.Sums) }

// all are the kernel and those of Also.
func (k *Kernel) all() []*Kernel { return append([]*Kernel{k}, k.Also...) }

// groups is how many groups compute a kernel without sums.
func (k *Kernel) groups() int {
	sums, each := k.sizes()
	return driver.Groups(sums * each)
}

// Add is the number of the value of an instruction, which is added unless it is there already.
func (k *Kernel) Add(i Instruction) int {
	if at := slices.Index(k.Code, i); at >= 0 {
		return at
	}
	k.Code = append(k.Code, i)
	return len(k.Code) - 1
}

// Value is the number of the value of a read.
func (k *Kernel) Value(read int) int { return k.Add(Instruction{Op: Load, X: read}) }

// sizes are the number of sums, and of values in each.
func (k *Kernel) sizes() (sums, each int) {
	sums, each = 1, 1
	for d, n := range k.Dims {
		if k.Summed != nil && k.Summed[d] {
			each *= n
		} else {
			sums *= n
		}
	}
	return sums, each
}

// Across is how many sums a group computes side by side: many where neighbors in memory belong to
// different sums, or where sums are short.
func (k *Kernel) across() int {
	_, each := k.sizes()
	last := len(k.Dims) - 1
	for last >= 0 && k.Dims[last] == 1 {
		last--
	}
	if last >= 0 && !k.Summed[last] {
		return min(driver.GroupSize, 32*max(1, 8/each))
	}
	across := 1
	for across < driver.GroupSize && driver.GroupSize/across > each {
		across *= 2
	}
	return across
}

// Groups is how many groups a launch needs.
func (k *Kernel) Groups() [2]int {
	sums, _ := k.sizes()
	if k.Summed == nil {
		n := 0
		for _, o := range k.all() {
			n += o.groups()
		}
		return [2]int{n, 1}
	}
	across := k.across()
	return [2]int{(sums + across - 1) / across, max(1, k.Parts)}
}

// Split sets Parts so that a sum of many values keeps a GPU busy, and reports whether the parts
// have to be added up.
func (k *Kernel) Split() bool {
	sums, each := k.sizes()
	k.Parts = 1
	if k.Summed == nil || len(k.Stores) > 0 {
		return false
	}
	items := driver.GroupSize / k.across()
	groups := (sums + k.across() - 1) / k.across()
	for k.Parts < 64 && groups*k.Parts < 128 && each/(items*k.Parts) > 32 {
		k.Parts *= 2
	}
	return k.Parts > 1
}

// normalize joins neighboring dimensions that every array walks through in one go.
func (k *Kernel) normalize() *Kernel {
	out := &Kernel{Code: k.Code, Stores: k.Stores, Sums: k.Sums, Parts: k.Parts, Inputs: k.Inputs, Reads: make([]Read,
		len(k.Reads))}
	for a := range out.Reads {
		out.Reads[a].Array, out.Reads[a].Start = k.Reads[a].Array, k.Reads[a].Start
	}
	for _, o := range k.Also {
		out.Also = append(out.Also, o.normalize())
	}
	for d, n := range k.Dims {
		last := len(out.Dims) - 1
		if n == 1 && len(k.Dims) > 1 && !(d == len(k.Dims)-1 && last < 0) {
			continue
		}
		if last >= 0 && k.joins(out, last, d) {
			out.Dims[last] *= n
			for a := range out.Reads {
				out.Reads[a].Strides[last] = k.Reads[a].Strides[d]
			}
			continue
		}
		out.Dims = append(out.Dims, n)
		for a := range out.Reads {
			out.Reads[a].Strides = append(out.Reads[a].Strides, k.Reads[a].Strides[d])
		}
		if k.Summed != nil {
			out.Summed = append(out.Summed, k.Summed[d])
		}
	}
	return out
}

func (k *Kernel) joins(out *Kernel, last, d int) bool {
	if k.Summed != nil && out.Summed[last] != k.Summed[d] {
		return false
	}
	for a, r := range k.Reads {
		if out.Reads[a].Strides[last] != r.Strides[d]*k.Dims[d] {
			return false
		}
	}
	return true
}

// Text is the kernel's body as a key: equal ones compute the same.
func (k *Kernel) Text() string {
	var b strings.Builder
	for _, n := range k.normalize().all() {
		fmt.Fprint(&b, n.Dims, n.Inputs, n.Reads, n.Summed, n.Parts, n.Stores, n.Sums)
		for _, i := range n.Code {
			fmt.Fprint(&b, " ", i)
		}
	}
	return b.String()
}

// Moved is the instruction with its operands renumbered.
func (i Instruction) Moved(numbers []int) Instruction {
	switch i.Op.operands() {
	case 2:
		i.X, i.Y = numbers[i.X], numbers[i.Y]
	case 1:
		i.X = numbers[i.X]
	}
	return i
}
