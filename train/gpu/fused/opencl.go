package fused

import (
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// openCL writes OpenCL C.
type openCL struct {
	strings.Builder
	indent string
	names  int
	first  int // number of the first array of the kernel at hand
}

// OpenCL is the kernel as OpenCL C, after kernels.Prelude.
func (k *Kernel) OpenCL(name string) string {
	k = k.normalize()
	w := &openCL{indent: "\t"}
	fmt.Fprintf(w, "KERNEL void %s(__global const uint *lanes", name)
	number := 0
	for _, o := range k.all() {
		for a := range o.own() {
			kind := "READS"
			if a >= o.Inputs {
				kind = "WRITES"
			}
			fmt.Fprintf(w, ", %s(p%d)", kind, number)
			number++
		}
	}
	fmt.Fprintf(w, ")\n{\n")
	if len(k.Sums) > 0 {
		fmt.Fprintf(w, "\t__local float all[%d];\n", driver.GroupSize)
	}
	for a := range k.Arrays() {
		fmt.Fprintf(w, "\tLOCATE(p%d);\n", a)
	}
	if k.Summed == nil {
		k.mapsOpenCL(w)
	} else {
		k.sumOpenCL(w)
	}
	w.WriteString("}\n")
	return w.String()
}

// mapsOpenCL writes the kernel and those of Also, each for groups of its own.
func (k *Kernel) mapsOpenCL(w *openCL) {
	w.WriteString("\tuint group = GROUP(0);\n")
	for n, o := range k.all() {
		sums, each := o.sizes()
		if n < len(k.Also) {
			fmt.Fprintf(w, "\tif (group < %du)", o.groups())
		}
		fmt.Fprintf(w, "\t{\n\tconst uint i = group * %du + ITEM;\n\tif (i >= %du)\n\t\treturn;\n", driver.GroupSize,
			sums*each)
		o.evaluate(w, coordinates(w, "i", o.Dims), "i")
		fmt.Fprintf(w, "\treturn;\n\t}\n\tgroup -= %du;\n", o.groups())
		w.first += o.own()
	}
}

func (k *Kernel) sumOpenCL(w *openCL) {
	sums, each := k.sizes()
	across := k.across()
	items, parts := driver.GroupSize/across, max(1, k.Parts)
	if across > items { // neighbors in memory belong to different sums
		fmt.Fprintf(w, "\tconst uint item = ITEM, own = item %% %du, turn = item / %du;\n", across, across)
	} else {
		fmt.Fprintf(w, "\tconst uint item = ITEM, turn = item %% %du, own = item / %du;\n", items, items)
	}
	fmt.Fprintf(w, "\tconst uint o = GROUP(0) * %du + own;\n", across)
	for j := range k.Sums {
		fmt.Fprintf(w, "\tfloat s%d = 0;\n", j)
	}
	fmt.Fprintf(w, "\tif (o < %du)\n\tfor (uint i = GROUP(1) * %du + turn; i < %du; i += %du) {\n", sums, items, each,
		items*parts)
	kept, summed, keptAt, summedAt := k.split()
	at := make([]string, len(k.Dims))
	for n, c := range coordinates(w, "o", kept) {
		at[keptAt[n]] = c
	}
	for n, c := range coordinates(w, "i", summed) {
		at[summedAt[n]] = c
	}
	values := k.evaluate(w, at, "")
	for j, s := range k.Sums {
		fmt.Fprintf(w, "\ts%d += %s;\n", j, values[s.Value])
	}
	w.WriteString("\t}\n")
	step := 1
	if across > items {
		step = across
	}
	for j, s := range k.Sums {
		if j > 0 {
			w.WriteString("\tWAIT();\n")
		}
		fmt.Fprintf(w, "\tall[item] = s%d;\n\tWAIT();\n", j)
		for half := items / 2; half > 0; half /= 2 {
			fmt.Fprintf(w, "\tif (turn < %du)\n\t\tall[item] += all[item + %du];\n\tWAIT();\n", half, half*step)
		}
		fmt.Fprintf(w, "\tif (turn == 0 && o < %du)\n\t\tp%d[GROUP(1) * %du + o] = all[item];\n", sums, s.Array, sums)
	}
}

// name is a new variable of a type with a value.
func (w *openCL) name(kind, format string, args ...any) string {
	w.names++
	name := fmt.Sprint("v", w.names)
	fmt.Fprintf(w, "%sconst %s %s = %s;\n", w.indent, kind, name, fmt.Sprintf(format, args...))
	return name
}

func (w *openCL) divide(a string, n int) string { return w.name("uint", "%s / %du", a, n) }
func (w *openCL) minus(a, b string) string      { return w.name("uint", "%s - %s", a, b) }
func (w *openCL) plus(a, b string) string       { return w.name("uint", "%s + %s", a, b) }

func (w *openCL) times(a string, n int) string {
	if n == 1 {
		return a
	}
	return w.name("uint", "%s * %du", a, n)
}

func (w *openCL) load(array int, place string, start int) string {
	if place == "" {
		place = "0"
	}
	if start > 0 {
		place += fmt.Sprintf(" + %du", start)
	}
	return w.name("float", "p%d[%s]", w.first+array, place)
}

func (w *openCL) store(array int, place, value string) {
	if place == "" {
		place = "0"
	}
	fmt.Fprintf(w, "%sp%d[%s] = %s;\n", w.indent, w.first+array, place, value)
}

// formats are the instructions in OpenCL C: x, y and c are the first to third argument.
var formats = map[Op]string{
	Constant: "%[3]s", Add: "%[1]s + %[2]s", Sub: "%[1]s - %[2]s", Mul: "%[1]s * %[2]s", Div: "%[1]s / %[2]s",
	Gate: "%[2]s > 0 ? %[1]s : 0", Scale: "%[1]s * %[3]s", Offset: "%[1]s + %[3]s", Exp: "exp(%[1]s)", Log: "log(%[1]s)",
	Sqrt: "sqrt(%[1]s)", Relu: "%[1]s < 0 ? 0 : %[1]s", Step: "%[1]s > 0 ? 1.0f : 0.0f", Rsqrt: "rsqrt(%[1]s)",
	Power: "pow(%[1]s, %[3]s)", Round: "rint(%[1]s)", AtLeast: "%[1]s < %[2]s ? %[2]s : %[1]s",
	AtMost: "%[1]s > %[2]s ? %[2]s : %[1]s",
}

func (w *openCL) apply(i Instruction, x, y string) string {
	text := fmt.Sprintf(formats[i.Op], x, y, number(i.C))
	return w.name("float", "%s", text)
}
