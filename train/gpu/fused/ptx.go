package fused

import (
	"fmt"
	"math"
	"strings"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// ptx writes PTX.
type ptx struct {
	body                            strings.Builder
	words, longs, reals, predicates int
	bases                           []string // address of each array's first value
	first                           int      // number of the first array of the kernel at hand
}

func (w *ptx) word() string { w.words++; return register("r", w.words) }
func (w *ptx) long() string { w.longs++; return register("rd", w.longs) }
func (w *ptx) real() string { w.reals++; return register("f", w.reals) }

func (w *ptx) predicate() string { w.predicates++; return register("p", w.predicates) }

func register(kind string, n int) string { return fmt.Sprintf("%%%s%d", kind, n) }

func (w *ptx) line(format string, args ...any) { fmt.Fprintf(&w.body, "\t"+format+";\n", args...) }

// PTXHeader is what a source of kernels in PTX starts with.
const PTXHeader = ".version 6.3\n.target sm_50\n.address_size 64\n\n"

// PTX is the kernel as an entry of PTX, after PTXHeader.
func (k *Kernel) PTX(name string) string {
	k = k.normalize()
	w := new(ptx)
	w.locate(name, k.Arrays())
	if k.Summed == nil {
		k.mapsPTX(w)
	} else {
		k.sumPTX(w)
	}
	var out strings.Builder
	fmt.Fprintf(&out, ".visible .entry %s(\n\t.param .u64 %s_0", name, name)
	for a := range 3 * k.Arrays() {
		fmt.Fprintf(&out, ",\n\t.param .u64 %s_%d", name, a+1)
	}
	fmt.Fprintf(&out, "\n)\n.reqntid %d, 1, 1\n{\n", driver.GroupSize)
	if len(k.Sums) > 0 {
		fmt.Fprintf(&out, "\t.shared .align 4 .b8 all[%d];\n", 4*driver.GroupSize)
	}
	fmt.Fprintf(&out, "\t.reg .pred %%p<%d>;\n\t.reg .f32 %%f<%d>;\n\t.reg .b32 %%r<%d>;\n\t.reg .b64 %%rd<%d>;\n\n",
		w.predicates+1, w.reals+1,
		w.words+1, w.longs+1)
	out.WriteString(w.body.String())
	out.WriteString("END:\n\tret;\n}\n\n")
	return out.String()
}

// locate computes where the lane at hand has its part of each array.
func (w *ptx) locate(name string, arrays int) {
	z, z8, lane := w.word(), w.long(), w.word()
	w.line("mov.u32 %s, %%ctaid.z", z)
	w.line("mul.wide.u32 %s, %s, 4", z8, z)
	at := w.long()
	w.line("ld.param.u64 %s, [%s_0]", at, name)
	w.line("add.s64 %s, %s, %s", at, at, z8)
	w.line("ld.global.u32 %s, [%s]", lane, at)
	wide := w.long()
	w.line("cvt.u64.u32 %s, %s", wide, lane)
	for a := range arrays {
		start, offset, step := w.long(), w.long(), w.long()
		w.line("ld.param.u64 %s, [%s_%d]", start, name, 3*a+1)
		w.line("ld.param.u64 %s, [%s_%d]", offset, name, 3*a+2)
		w.line("ld.param.u64 %s, [%s_%d]", step, name, 3*a+3)
		w.line("mad.lo.s64 %s, %s, %s, %s", offset, step, wide, offset)
		w.line("shl.b64 %s, %s, 2", offset, offset)
		w.line("add.s64 %s, %s, %s", start, start, offset)
		w.bases = append(w.bases, start)
	}
}

// mapsPTX writes the kernel and those of Also, each for groups of its own.
func (k *Kernel) mapsPTX(w *ptx) {
	group, item := w.word(), w.word()
	w.line("mov.u32 %s, %%ctaid.x", group)
	w.line("mov.u32 %s, %%tid.x", item)
	for n, o := range k.all() {
		sums, each := o.sizes()
		if n < len(k.Also) {
			later := w.predicate()
			w.line("setp.ge.u32 %s, %s, %d", later, group, o.groups())
			w.line("@%s bra AFTER%d", later, n)
		}
		i, beyond := w.word(), w.predicate()
		w.line("mad.lo.s32 %s, %s, %d, %s", i, group, driver.GroupSize, item)
		w.line("setp.ge.u32 %s, %s, %d", beyond, i, sums*each)
		w.line("@%s bra END", beyond)
		o.evaluate(w, coordinates(w, i, o.Dims), i)
		if n < len(k.Also) {
			w.line("bra END")
			fmt.Fprintf(&w.body, "AFTER%d:\n", n)
			w.line("sub.s32 %s, %s, %d", group, group, o.groups())
		}
		w.first += o.own()
	}
}

func (k *Kernel) sumPTX(w *ptx) {
	sums, each := k.sizes()
	across := k.across()
	items, parts := driver.GroupSize/across, max(1, k.Parts)
	item, group, part := w.word(), w.word(), w.word()
	w.line("mov.u32 %s, %%tid.x", item)
	w.line("mov.u32 %s, %%ctaid.x", group)
	w.line("mov.u32 %s, %%ctaid.y", part)
	var own, turn string
	if across > items { // neighbors in memory belong to different sums
		turn = w.divide(item, across)
		own = w.minus(item, w.times(turn, across))
	} else {
		own = w.divide(item, items)
		turn = w.minus(item, w.times(own, items))
	}
	o := w.plus(w.times(group, across), own)
	totals := make([]string, len(k.Sums))
	for j := range totals {
		totals[j] = w.real()
		w.line("mov.f32 %s, 0f00000000", totals[j])
	}
	beyond, done, i := w.predicate(), w.predicate(), w.word()
	w.line("setp.ge.u32 %s, %s, %d", beyond, o, sums)
	w.line("@%s bra SUMMED", beyond)
	w.line("mad.lo.s32 %s, %s, %d, %s", i, part, items, turn)
	w.body.WriteString("NEXT:\n")
	w.line("setp.ge.u32 %s, %s, %d", done, i, each)
	w.line("@%s bra SUMMED", done)
	kept, summed, keptAt, summedAt := k.split()
	at := make([]string, len(k.Dims))
	for n, c := range coordinates(w, o, kept) {
		at[keptAt[n]] = c
	}
	for n, c := range coordinates(w, i, summed) {
		at[summedAt[n]] = c
	}
	values := k.evaluate(w, at, "")
	for j, s := range k.Sums {
		w.line("add.f32 %s, %s, %s", totals[j], totals[j], values[s.Value])
	}
	w.line("add.s32 %s, %s, %d", i, i, items*parts)
	w.line("bra NEXT")
	w.body.WriteString("SUMMED:\n")
	step := 1
	if across > items {
		step = across
	}
	k.treePTX(w, tree{item, turn, beyond, items, step, w.plus(w.times(part, sums), o)}, totals)
}

// tree adds up what the work items of a sum have.
type tree struct {
	item, turn, beyond string
	items, step        int
	to                 string // place of the sum
}

func (k *Kernel) treePTX(w *ptx, t tree, totals []string) {
	own, offset := w.word(), w.word()
	w.line("shl.b32 %s, %s, 2", offset, t.item)
	w.line("mov.u32 %s, all", own)
	w.line("add.s32 %s, %s, %s", own, own, offset)
	first, writes := w.predicate(), w.predicate()
	w.line("setp.eq.u32 %s, %s, 0", first, t.turn)
	w.line("not.pred %s, %s", writes, t.beyond)
	w.line("and.pred %s, %s, %s", writes, writes, first)
	for j, s := range k.Sums {
		if j > 0 {
			w.line("bar.sync 0")
		}
		w.line("st.shared.f32 [%s], %s", own, totals[j])
		w.line("bar.sync 0")
		for half := t.items / 2; half > 0; half /= 2 {
			p, a, b := w.predicate(), w.real(), w.real()
			w.line("setp.lt.u32 %s, %s, %d", p, t.turn, half)
			w.line("@%s ld.shared.f32 %s, [%s]", p, a, own)
			w.line("@%s ld.shared.f32 %s, [%s+%d]", p, b, own, 4*half*t.step)
			w.line("@%s add.f32 %s, %s, %s", p, a, a, b)
			w.line("@%s st.shared.f32 [%s], %s", p, own, a)
			w.line("bar.sync 0")
		}
		sum := w.real()
		w.line("ld.shared.f32 %s, [%s]", sum, own)
		w.line("@%s st.global.f32 [%s], %s", writes, w.address(s.Array, t.to), sum)
	}
}

func (w *ptx) divide(a string, n int) string {
	out := w.word()
	w.line("div.u32 %s, %s, %d", out, a, n)
	return out
}

func (w *ptx) times(a string, n int) string {
	if n == 1 {
		return a
	}
	out := w.word()
	w.line("mul.lo.s32 %s, %s, %d", out, a, n)
	return out
}

func (w *ptx) minus(a, b string) string {
	out := w.word()
	w.line("sub.s32 %s, %s, %s", out, a, b)
	return out
}

func (w *ptx) plus(a, b string) string {
	out := w.word()
	w.line("add.s32 %s, %s, %s", out, a, b)
	return out
}

// address is that of a place in an array.
func (w *ptx) address(array int, place string) string {
	array += w.first
	if place == "" {
		return w.bases[array]
	}
	offset, at := w.long(), w.long()
	w.line("mul.wide.u32 %s, %s, 4", offset, place)
	w.line("add.s64 %s, %s, %s", at, w.bases[array], offset)
	return at
}

func (w *ptx) load(array int, place string, start int) string {
	at, out := w.address(array, place), w.real()
	w.line("ld.global.f32 %s, [%s+%d]", out, at, 4*start)
	return out
}

func (w *ptx) store(array int, place, value string) {
	w.line("st.global.f32 [%s], %s", w.address(array, place), value)
}

// hex is a constant of PTX, exactly.
func hex(c float32) string { return fmt.Sprintf("0f%08X", math.Float32bits(c)) }

// simple are the instructions that are one of PTX.
var simple = map[Op]string{Add: "add.f32", Sub: "sub.f32", Mul: "mul.f32", Div: "div.rn.f32", Sqrt: "sqrt.rn.f32",
	Rsqrt: "rsqrt.approx.f32", Round: "cvt.rni.f32.f32"}

func (w *ptx) apply(i Instruction, x, y string) string {
	out := w.real()
	if name, ok := simple[i.Op]; ok {
		if y != "" {
			x += ", " + y
		}
		w.line("%s %s, %s", name, out, x)
		return out
	}
	switch i.Op {
	case Constant:
		w.line("mov.f32 %s, %s", out, hex(i.C))
	case Scale:
		w.line("mul.f32 %s, %s, %s", out, x, hex(i.C))
	case Offset:
		w.line("add.f32 %s, %s, %s", out, x, hex(i.C))
	case Exp:
		w.exp(out, x)
	case Log:
		w.line("lg2.approx.f32 %s, %s", out, x)
		w.line("mul.f32 %s, %s, %s", out, out, hex(math.Ln2))
	case Power:
		w.line("lg2.approx.f32 %s, %s", out, x)
		w.line("mul.f32 %s, %s, %s", out, out, hex(i.C))
		w.line("ex2.approx.f32 %s, %s", out, out)
	default:
		w.choose(i.Op, out, x, y)
	}
	return out
}

// choose writes the instructions that take one of two values. A value that is no number stays none.
func (w *ptx) choose(o Op, out, x, y string) {
	zero, p := hex(0), w.predicate()
	switch o {
	case Gate:
		w.line("setp.gt.f32 %s, %s, %s", p, y, zero)
		w.line("selp.f32 %s, %s, %s, %s", out, x, zero, p)
	case Step:
		w.line("setp.gt.f32 %s, %s, %s", p, x, zero)
		w.line("selp.f32 %s, %s, %s, %s", out, hex(1), zero, p)
	case Relu:
		w.line("setp.lt.f32 %s, %s, %s", p, x, zero)
		w.line("selp.f32 %s, %s, %s, %s", out, zero, x, p)
	case AtLeast:
		w.line("setp.lt.f32 %s, %s, %s", p, x, y)
		w.line("selp.f32 %s, %s, %s, %s", out, y, x, p)
	case AtMost:
		w.line("setp.gt.f32 %s, %s, %s", p, x, y)
		w.line("selp.f32 %s, %s, %s, %s", out, y, x, p)
	}
}

// exp is 2^(x/ln 2), the quotient as a sum of two so that large ones lose no digits, except where the
// result is so small or large that the sum has no meaning.
func (w *ptx) exp(out, x string) {
	high, low, size, p, exact := w.real(), w.real(), w.real(), w.predicate(), w.real()
	w.line("mul.rn.f32 %s, %s, %s", high, x, hex(1/math.Ln2))
	w.line("neg.f32 %s, %s", low, high)
	w.line("fma.rn.f32 %s, %s, %s, %s", low, x, hex(1/math.Ln2), low)
	w.line("ex2.approx.f32 %s, %s", out, high)
	w.line("mul.f32 %s, %s, %s", low, low, hex(math.Ln2))
	w.line("fma.rn.f32 %s, %s, %s, %s", exact, out, low, out)
	w.line("abs.f32 %s, %s", size, x)
	w.line("setp.lt.f32 %s, %s, %s", p, size, hex(80))
	w.line("selp.f32 %s, %s, %s, %s", out, exact, out, p)
}
