package parquet

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Physical types.
const (
	typeBoolean = iota
	typeInt32
	typeInt64
	typeInt96
	typeFloat
	typeDouble
	typeByteArray
	typeFixed
)

// leaf says how the values of a column are stored and what they mean.
type leaf struct {
	physical int
	width    int // of a value in bytes; 0 of byte arrays
	maxDef   int
	maxRep   int
	listDef  []int // by list: the level from which on it has an element

	unsigned bool
	times    float64 // a number or time is the stored one times this,
	per      float64 // divided by this; 0 for as it is stored
	half     bool    // floats of half precision
	decimal  bool    // of big-endian bytes
}

func (l leaf) defBits() int { return bits.Len(uint(l.maxDef)) }
func (l leaf) repBits() int { return bits.Len(uint(l.maxRep)) }

// maxLevels bounds how deep a column lies in structs and lists.
const maxLevels = 32

// schema walks the elements of the footer, which lie depth first.
type schema struct {
	t        *Table
	elements []any
	names    map[string]bool
}

// place is where a walk is.
type place struct {
	path     []string // as Column.Name
	full     []string
	def, rep int
	listDef  []int
	depth    int
	inList   bool // a list or its only child, whose names are left out
	inMap    bool
}

func (t *Table) readSchema(elements []any) error {
	s := schema{t: t, elements: elements, names: map[string]bool{}}
	root, err := s.next()
	if err != nil {
		return err
	}
	for range root.int(5) {
		if err := s.walk(place{}); err != nil {
			return err
		}
	}
	if len(s.elements) > 0 || len(t.leaves) == 0 {
		return fmt.Errorf("%w: a schema that is no tree of columns", files.ErrFormat)
	}
	return nil
}

func (s *schema) next() (record, error) {
	if len(s.elements) == 0 {
		return nil, fmt.Errorf("%w: a schema that ends too early", files.ErrFormat)
	}
	e, ok := s.elements[0].(record)
	if !ok {
		return nil, fmt.Errorf("%w: a schema without elements", files.ErrFormat)
	}
	s.elements = s.elements[1:]
	return e, nil
}

// walk reads an element and what lies in it.
func (s *schema) walk(p place) error {
	e, err := s.next()
	if err != nil {
		return err
	}
	name, children := string(e.bytes(4)), e.int(5)
	p.full = append(p.full[:len(p.full):len(p.full)], name)
	if !p.inList {
		p.path = append(p.path[:len(p.path):len(p.path)], name)
	}
	switch e.int(3) {
	case 1:
		p.def++
	case 2:
		p.def++
		p.rep++
		p.listDef = append(p.listDef[:len(p.listDef):len(p.listDef)], p.def)
	}
	if p.depth++; p.depth > maxLevels {
		return fmt.Errorf("%w: columns lie more than %d deep", files.ErrTooLarge, maxLevels)
	}
	if e.has(1) {
		return s.add(e, p)
	}
	if children < 1 || children > int64(len(s.elements)) {
		return fmt.Errorf("%w: the group %q of %d columns", files.ErrFormat, name, children)
	}
	converted, logical := e.intOr(6, -1), e.record(10)
	p.inMap = p.inMap || converted == 1 || converted == 2 || logical.has(2)
	// A list is a group of one repeated group, whose only child is an element.
	p.inList = children == 1 && (converted == 3 || logical.has(3) || p.inList && e.int(3) == 2)
	for range children {
		if err := s.walk(p); err != nil {
			return err
		}
	}
	return nil
}

// add adds a leaf.
func (s *schema) add(e record, p place) error {
	if len(s.t.leaves) == s.t.limit.Columns {
		return fmt.Errorf("%w: more than %d columns", files.ErrTooLarge, s.t.limit.Columns)
	}
	physical := e.int(1)
	if physical < 0 || physical > typeFixed {
		return fmt.Errorf("%w: a column of type %d", files.ErrFormat, physical)
	}
	l := leaf{physical: int(physical), maxDef: p.def, maxRep: p.rep, listDef: p.listDef}
	l.width = [...]int{1, 4, 8, 12, 4, 8, 0, int(e.int(2))}[physical]
	if l.physical == typeFixed && (e.int(2) < 1 || e.int(2) > 1<<20) {
		return fmt.Errorf("%w: values of %d bytes", files.ErrFormat, e.int(2))
	}
	c := Column{Name: strings.Join(p.path, "."), Lists: p.rep}
	if s.names[c.Name] {
		c.Name = strings.Join(p.full, ".")
	}
	s.names[c.Name] = true
	c.Kind, c.Reason = l.mean(e)
	if p.inMap {
		c.Kind, c.Reason = Unsupported, "maps"
	}
	s.t.leaves = append(s.t.leaves, l)
	s.t.Columns = append(s.t.Columns, c)
	return nil
}

// mean says what the values of a leaf are.
func (l *leaf) mean(e record) (kind Kind, reason string) {
	logical, converted := e.record(10), e.intOr(6, -1)
	switch {
	case converted == 5 || logical.has(5):
		return l.meanDecimal(e)
	case converted == 7 || converted == 8 || logical.has(7):
		return Unsupported, "times of day"
	case converted == 21:
		return Unsupported, "intervals"
	case logical.has(16) || logical.has(17) || logical.has(18):
		return Unsupported, "variants or shapes"
	}
	switch l.physical {
	case typeBoolean:
		return Bool, ""
	case typeInt96:
		return Time, ""
	case typeInt32, typeInt64:
		return l.meanInt(converted, logical), ""
	case typeFloat, typeDouble:
		return Number, ""
	case typeFixed:
		if logical.has(15) && l.width == 2 {
			l.half = true
			return Number, ""
		}
		return Bytes, ""
	}
	if converted == 0 || converted == 4 || converted == 19 || logical.has(1) || logical.has(4) || logical.has(12) {
		return Text, ""
	}
	return Bytes, ""
}

func (l *leaf) meanInt(converted int64, logical record) Kind {
	if integer := logical.record(10); integer != nil {
		signed, _ := integer.get(2).(bool)
		l.unsigned = !signed
	} else {
		l.unsigned = converted >= 11 && converted <= 14
	}
	unit := logical.record(8).record(2)
	switch {
	case converted == 6 || logical.has(6):
		l.times, l.per = 24*60*60, 1
	case logical.has(8) && unit.has(3):
		l.times, l.per = 1, 1e9
	case logical.has(8) && unit.has(2) || converted == 10:
		l.times, l.per = 1, 1e6
	case logical.has(8) || converted == 9:
		l.times, l.per = 1, 1e3
	default:
		return Number
	}
	return Time
}

func (l *leaf) meanDecimal(e record) (kind Kind, reason string) {
	scale := e.intOr(7, e.record(10).record(5).int(1))
	known := slices.Contains([]int{typeInt32, typeInt64, typeFixed, typeByteArray}, l.physical)
	if !known || scale < 0 || scale > 300 {
		return Unsupported, "decimals of an unknown form"
	}
	l.decimal = l.physical == typeFixed || l.physical == typeByteArray
	l.times, l.per = 1, math.Pow10(int(scale))
	return Number, ""
}
