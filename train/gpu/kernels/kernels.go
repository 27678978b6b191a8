// Package kernels has the source of the kernels that do not depend on a program: OpenCL C, and
// the PTX that clang makes of it.
package kernels

//go:generate go run ./gen

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed prelude.cl
var prelude string

//go:embed tile.cl
var tile string

//go:embed shapes.cl
var shapes string

//go:embed ptx/*.ptx
var assembly embed.FS

//go:embed rest.cl
var rest string

// Tile is the size of the part of a product that one group computes, its depth per turn, and
// how many values a work item keeps.
type Tile struct{ Rows, Cols, Depth, ItemRows, ItemCols int }

// Tiles are those there are, the largest first.
var Tiles = []Tile{{128, 128, 8, 8, 8}, {64, 64, 16, 4, 4}, {16, 128, 16, 2, 4}, {32, 32, 16, 2, 2}}

// Product is one kind of product.
type Product struct {
	name, shape  string
	aDeep, bDeep bool
	a, b, c      string // where the values are
}

// products are the kinds, by name: matrix products by which side is transposed, and the three
// maps of a convolution.
var products = []Product{
	{"product_nn", "product", true, false, "a[row * s.a_row + l]", "b[l * s.b_row + col]", "row * s.n + col"},
	{"product_nt", "product", true, true, "a[row * s.a_row + l]", "b[col * s.b_row + l]", "row * s.n + col"},
	{"product_tn", "product", false, false, "a[l * s.a_row + row]", "b[l * s.b_row + col]", "row * s.n + col"},
	{"product_tt", "product", false, true, "a[l * s.a_row + row]", "b[col * s.b_row + l]", "row * s.n + col"},
	{"maps", "convolution", true, false, "a[row * s.l + l]", "patch(b, s, l, col)", "map_place(s, row, col)"},
	{"images", "convolution", true, false, "weight_of(a, s, row, l)", "share(b, s, l, col)", "image_place(s, row, col)"},
	{"weights", "convolution", true, true, "a[map_place(s, row, l)]", "patch(b, s, col, l)", "row * s.n + col"},
}

// NameOf is the name of the kernel of a kind of product in a tile.
func NameOf(product string, t Tile) string { return fmt.Sprintf("%s_%dx%d", product, t.Rows, t.Cols) }

// Units are the pieces in which kernels are built: those of a kind of product each, and "rest".
func Units() []string {
	out := []string{Rest}
	for _, p := range products {
		for _, t := range Tiles {
			out = append(out, NameOf(p.name, t))
		}
	}
	return out
}

// Rest is the unit of everything that is no product.
const Rest = "rest"

// UnitOf is the unit of a kernel.
func UnitOf(kernel string) string {
	if slices.Contains(Units(), kernel) {
		return kernel
	}
	return Rest
}

// OpenCL is the source of a unit.
func OpenCL(unit string) string {
	var b strings.Builder
	b.WriteString(prelude)
	if unit == Rest {
		return prelude + rest
	}
	b.WriteString(shapes)
	for _, p := range products {
		for _, t := range Tiles {
			if NameOf(p.name, t) == unit {
				p.write(&b, t)
			}
		}
	}
	return b.String()
}

// PTX is the same as PTX.
func PTX(unit string) string {
	text, err := assembly.ReadFile("ptx/" + unit + ".ptx")
	if err != nil {
		panic(err) // a test compares the files with Units
	}
	return string(text)
}

// Prelude is what kernels of a program start with.
func Prelude() string { return prelude }

func (p Product) write(b *strings.Builder, t Tile) {
	names := []string{"NAME", "SHAPE", "TM", "TN", "TL", "RM", "RN", "A_AT(row, l)", "B_AT(l, col)", "C_AT(row, col)"}
	values := []any{NameOf(p.name, t), p.shape, t.Rows, t.Cols, t.Depth, t.ItemRows, t.ItemCols, p.a, p.b, p.c}
	if p.aDeep {
		names, values = append(names, "A_DEEP"), append(values, "")
	}
	if p.bDeep {
		names, values = append(names, "B_DEEP"), append(values, "")
	}
	for i, name := range names {
		fmt.Fprintln(b, "#define", name, values[i])
	}
	b.WriteString(tile)
}
