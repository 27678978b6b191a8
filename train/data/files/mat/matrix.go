package mat

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Classes of arrays.
const (
	classCell    = 1
	classStruct  = 2
	classChar    = 4
	classDouble  = 6
	classUint64  = 15
	classOpaque  = 17
	flagComplex  = 0x0800
	flagLogical  = 0x0200
	costVariable = 256 // bytes of memory of a Variable without its values, about
)

var classes = []string{"", "cell", "struct", "object", "char", "sparse", "double", "single",
	"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "function", "opaque"}

// stored are the types of numbers by the type of an element: their NumPy name
// and their size.
var stored = map[uint32]struct {
	name  string
	width int
}{1: {"i1", 1}, 2: {"u1", 1}, 3: {"i2", 2}, 4: {"u2", 2}, 5: {"i4", 4}, 6: {"u4", 4}, 7: {"f4", 4}, 9: {"f8", 8},
	12: {"i8", 8}, 13: {"u8", 8}}

// readMatrix reads an array in whole. name replaces its own, which those inside
// others do not have. Of a scalar struct the fields are given.
func (e *element) readMatrix(name string, depth int) ([]Variable, error) {
	if e.d.count++; e.d.count > e.d.limit.Variables {
		return nil, fmt.Errorf("%w: more than %d variables", files.ErrTooLarge, e.d.limit.Variables)
	}
	if err := e.d.charge(costVariable + int64(len(name))); err != nil {
		return nil, err
	}
	if depth > e.d.limit.Depth {
		return nil, fmt.Errorf("%w: cells or structs lie more than %d deep", files.ErrTooLarge, e.d.limit.Depth)
	}
	if e.left == 0 && depth > 0 { // an empty array inside another
		return []Variable{{Name: name, Dims: []int{0, 0}, Class: "double", DType: "|u1"}}, nil
	}
	flags, err := e.readInts(2)
	if err != nil {
		return nil, err
	}
	class := 0
	if len(flags) == 2 {
		class = int(flags[0] & 0xff)
	}
	if class == 0 || class >= len(classes) {
		return nil, fmt.Errorf("%w: an array of class %d", files.ErrFormat, class)
	}
	v := Variable{Name: name, Class: classes[class]}
	n := 0
	if class != classOpaque { // its name comes at once
		if v.Dims, n, err = e.readDims(); err != nil {
			return nil, err
		}
	}
	own, err := e.readName()
	if err != nil {
		return nil, err
	}
	if name == "" {
		v.Name = own
	}
	if flags[0]&flagLogical != 0 && class >= classDouble && class <= classUint64 {
		v.Class = "logical"
	}
	all, err := e.readValues(v, class, n, flags[0]&flagComplex != 0, depth)
	if err != nil {
		return nil, err
	}
	return all, e.drain()
}

// readValues reads what follows the name of an array.
func (e *element) readValues(v Variable, class, n int, complex bool, depth int) ([]Variable, error) {
	var err error
	switch {
	case complex:
		v.Skipped = "complex numbers"
	case class == classCell:
		err = e.readCells(&v, n, depth)
	case class == classStruct:
		return e.readStruct(v, n, depth)
	case class == classChar:
		err = e.readText(&v, n)
	case class >= classDouble && class <= classUint64:
		err = e.readNumbers(&v, n)
	default:
		v.Skipped = "an array of class " + v.Class
	}
	return []Variable{v}, err
}

func (e *element) readNumbers(v *Variable, n int) error {
	kind, data, err := e.readPart(e.left)
	if err != nil {
		return err
	}
	store, ok := stored[kind]
	if !ok || int64(n)*int64(store.width) != int64(len(data)) {
		return fmt.Errorf("%w: an array of %v with %d bytes of type %d", files.ErrFormat, v.Dims, len(data), kind)
	}
	order := "<"
	switch {
	case store.width == 1:
		order = "|"
	case e.d.order == binary.BigEndian:
		order = ">"
	}
	v.DType, v.Data = order+store.name, data
	return nil
}

// inner is the next part, which must be an array.
func (e *element) inner() (*element, error) {
	kind, size, small, err := e.readTag()
	switch {
	case err != nil:
		return nil, err
	case kind != typeMatrix || small != nil:
		return nil, fmt.Errorf("%w: a part of type %d, want an array", files.ErrFormat, kind)
	case size > e.left:
		return nil, fmt.Errorf("%w: a part of an array is longer than the array", files.ErrFormat)
	}
	e.left -= size
	return &element{d: e.d, r: e.r, left: size}, nil
}

func (e *element) readCells(v *Variable, n, depth int) error {
	text := n > 0
	for range n {
		part, err := e.inner()
		if err != nil {
			return err
		}
		vars, err := part.readMatrix("", depth+1)
		if err != nil {
			return err
		}
		cell := vars[0]
		if len(vars) > 1 || cell.Class == "struct" || strings.HasPrefix(cell.Name, ".") {
			cell = Variable{Dims: []int{1, 1}, Class: "struct", Skipped: "a struct in a cell"}
		}
		cell.Name = ""
		v.Cells = append(v.Cells, cell)
		text = text && cell.Class == "char" && len(cell.Text) < 2 && cell.Skipped == ""
	}
	if text {
		for _, cell := range v.Cells {
			v.Text = append(v.Text, append(cell.Text, "")[0])
		}
	}
	return nil
}

// readStruct reads the fields of one struct; several are skipped.
func (e *element) readStruct(v Variable, n, depth int) ([]Variable, error) {
	if n != 1 {
		v.Skipped = fmt.Sprintf("a struct array of %v: save its fields as arrays", v.Dims)
		return []Variable{v}, nil
	}
	lengths, err := e.readInts(1)
	if err != nil {
		return nil, err
	}
	kind, names, err := e.readPart(maxNames)
	if err != nil {
		return nil, err
	}
	known := len(lengths) == 1 && lengths[0] > 0 && lengths[0] <= maxName && (kind == typeInt8 || kind == typeUTF8)
	if !known || len(names)%int(lengths[0]) != 0 {
		return nil, fmt.Errorf("%w: a struct whose fields have no names", files.ErrFormat)
	}
	if len(names) == 0 {
		v.Skipped = "a struct without fields"
		return []Variable{v}, nil
	}
	var all []Variable
	for length := int(lengths[0]); len(names) > 0; names = names[length:] {
		part, err := e.inner()
		if err != nil {
			return nil, err
		}
		vars, err := part.readMatrix(v.Name+"."+printable(names[:length]), depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, vars...)
	}
	return all, nil
}
