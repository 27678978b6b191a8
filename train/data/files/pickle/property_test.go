package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// encoder writes values as Python does; where Python has several ways it takes
// one by chance.
type encoder struct {
	bytes.Buffer
	r        *rand.Rand
	protocol int
	numpy    string // "numpy.core" or "numpy._core"
	memo     int
}

func (e *encoder) le(v any) { binary.Write(&e.Buffer, binary.LittleEndian, v) }

// remember now and then puts the value on the stack into the memo, and reads it
// from there.
func (e *encoder) remember() {
	if e.r.IntN(3) > 0 {
		return
	}
	switch {
	case e.protocol >= 4:
		e.WriteByte(0x94)
	case e.protocol == 0:
		fmt.Fprintf(e, "p%d\n", e.memo)
	case e.r.IntN(2) == 0 && e.memo < 256:
		e.Write([]byte{'q', byte(e.memo)})
	default:
		e.WriteByte('r')
		e.le(uint32(e.memo))
	}
	if e.r.IntN(2) == 0 {
		if e.WriteByte('0'); e.protocol == 0 {
			fmt.Fprintf(e, "g%d\n", e.memo)
		} else {
			e.WriteByte('j')
			e.le(uint32(e.memo))
		}
	}
	e.memo++
}

func (e *encoder) int(v int64) {
	switch {
	case e.protocol == 0 || e.protocol == 1 && v != int64(int32(v)):
		fmt.Fprintf(e, []string{"I%d\n", "L%dL\n"}[e.r.IntN(2)], v)
	case v >= 0 && v < 256 && e.r.IntN(2) == 0:
		e.Write([]byte{'K', byte(v)})
	case v >= 0 && v < 65536 && e.r.IntN(2) == 0:
		e.WriteByte('M')
		e.le(uint16(v))
	case v == int64(int32(v)):
		e.WriteByte('J')
		e.le(int32(v))
	default:
		e.Write([]byte{0x8a, 9})
		e.le(v)
		e.WriteByte(byte(v >> 63))
	}
}

func (e *encoder) float(v float64) {
	if e.protocol == 0 {
		fmt.Fprintf(e, "F%s\n", strconv.FormatFloat(v, 'g', -1, 64))
		return
	}
	e.WriteByte('G')
	binary.Write(&e.Buffer, binary.BigEndian, v)
}

func (e *encoder) text(s string) {
	switch {
	case e.protocol == 0:
		e.WriteByte('V')
		for _, c := range s {
			if c < 256 && c != '\\' && c != '\n' {
				e.WriteByte(byte(c))
			} else {
				fmt.Fprintf(e, "\\U%08x", c)
			}
		}
		e.WriteByte('\n')
	case e.protocol >= 4 && len(s) < 256:
		e.Write([]byte{0x8c, byte(len(s))})
		e.WriteString(s)
	case e.protocol >= 4 && e.r.IntN(2) == 0:
		e.WriteByte(0x8d)
		e.le(uint64(len(s)))
		e.WriteString(s)
	default:
		e.WriteByte('X')
		e.le(uint32(len(s)))
		e.WriteString(s)
	}
}

func (e *encoder) bytes(b []byte) {
	long := func(op byte) {
		e.WriteByte(op)
		e.le(uint32(len(b)))
		e.Write(b)
	}
	switch {
	case e.protocol < 3 && e.r.IntN(2) == 0: // Python 3 for Python 2
		e.global("_codecs", "encode")
		e.WriteByte('(')
		var s strings.Builder
		for _, c := range b {
			s.WriteRune(rune(c))
		}
		e.text(s.String())
		e.text("latin1")
		e.WriteString("tR")
	case e.protocol == 0: // Python 2
		e.WriteString("S'")
		for _, c := range b {
			fmt.Fprintf(e, "\\x%02x", c)
		}
		e.WriteString("'\n")
	case e.protocol < 3:
		long('T')
	case e.protocol == 5 && e.r.IntN(2) == 0:
		e.WriteByte(0x96)
		e.le(uint64(len(b)))
		e.Write(b)
	default:
		long('B')
	}
}

func (e *encoder) global(module, name string) {
	if e.protocol < 4 {
		fmt.Fprintf(e, "c%s\n%s\n", module, name)
		return
	}
	e.text(module)
	e.text(name)
	e.WriteByte(0x93)
}

func (e *encoder) items(items []any) {
	for _, item := range items {
		e.value(item)
	}
}

func (e *encoder) value(v any) {
	defer e.remember()
	switch v := v.(type) {
	case nil:
		e.WriteByte('N')
	case bool:
		if e.protocol < 2 {
			e.WriteString(map[bool]string{true: "I01\n", false: "I00\n"}[v])
		} else {
			e.WriteByte(map[bool]byte{true: 0x88, false: 0x89}[v])
		}
	case int64:
		e.int(v)
	case float64:
		e.float(v)
	case string:
		e.text(v)
	case []byte:
		e.bytes(v)
	case []any:
		if e.protocol == 0 {
			e.WriteByte('(')
			e.items(v)
			e.WriteByte('l')
			return
		}
		e.WriteByte(']')
		e.remember()
		e.WriteByte('(')
		e.items(v)
		e.WriteByte('e')
	case Tuple:
		if n := len(v); e.protocol >= 2 && n > 0 && n < 4 {
			e.items(v)
			e.WriteByte(byte(0x84 + n))
			return
		}
		e.WriteByte('(')
		e.items(v)
		e.WriteByte('t')
	case Set:
		if e.protocol >= 4 {
			e.WriteString("\x8f(")
			e.items(v)
			e.WriteByte(0x90)
			return
		}
		e.global("__builtin__", "set")
		e.WriteByte('(')
		e.value([]any(v))
		e.WriteString("tR")
	case *Dict:
		e.dict(v)
	case *Array:
		e.array(v)
	}
}

func (e *encoder) dict(d *Dict) {
	switch {
	case e.r.IntN(3) == 0:
		e.global("collections", "OrderedDict")
		e.WriteString("(tR")
	case e.protocol == 0:
		e.WriteString("(d")
	default:
		e.WriteByte('}')
	}
	for i := range d.Keys {
		e.value(d.Keys[i])
		e.value(d.Values[i])
		e.WriteByte('s')
	}
}

func (e *encoder) dtype(s string) {
	e.global("numpy", "dtype")
	e.WriteByte('(')
	e.text(s[1:])
	e.value(false)
	e.value(true)
	e.WriteString("tR(")
	e.int(3)
	e.text(s[:1])
	e.WriteString("NNN")
	e.int(-1)
	e.int(-1)
	e.int(0)
	e.WriteString("tb")
}

func (e *encoder) array(a *Array) {
	dims := Tuple{}
	for _, d := range a.Dims {
		dims = append(dims, int64(d))
	}
	if e.protocol == 5 {
		e.global(e.numpy+".numeric", "_frombuffer")
		e.WriteByte('(')
		e.bytes(a.Data)
		e.dtype(a.DType)
		e.value(dims)
		e.text(map[bool]string{true: "F", false: "C"}[a.Fortran])
		e.WriteString("tR")
		return
	}
	e.global(e.numpy+".multiarray", "_reconstruct")
	e.WriteByte('(')
	e.global("numpy", "ndarray")
	e.value(Tuple{int64(0)})
	e.bytes([]byte("b"))
	e.WriteString("tR(")
	e.int(1)
	e.value(dims)
	e.dtype(a.DType)
	e.value(a.Fortran)
	e.bytes(a.Data)
	e.WriteString("tb")
}

// random is a value whose containers lie at most depth deep.
func random(r *rand.Rand, depth int) any {
	kinds := 6
	if depth > 0 {
		kinds = 11
	}
	letters := func() string {
		out := make([]rune, r.IntN(8))
		for i := range out {
			out[i] = []rune("aZ\n\\'\"\x00é€😀")[r.IntN(10)]
		}
		return strings.Repeat(string(out), 1+r.IntN(2)*r.IntN(60))
	}
	many := func() []any {
		out := make([]any, r.IntN(5))
		for i := range out {
			out[i] = random(r, depth-1)
		}
		return out
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return int64(r.Uint64()) >> r.IntN(64)
	case 3:
		return math.Ldexp(r.NormFloat64(), r.IntN(200)-100)
	case 4:
		return letters()
	case 5:
		return []byte(letters())
	case 6:
		return many()
	case 7:
		return Tuple(many())
	case 8:
		return Set(many())
	case 9:
		d := &Dict{Values: many()}
		d.Keys = make([]any, len(d.Values))
		for i := range d.Keys {
			d.Keys[i] = random(r, 0)
		}
		return d
	}
	dtypes := []string{"|u1", "|b1", "<i2", ">i4", "<f2", ">f8", "<u8", "|S3", "<U2", ">U1", "<c8"}
	a := &Array{Dims: make([]int, r.IntN(4)), DType: dtypes[r.IntN(len(dtypes))]}
	size := a.Width()
	for i := range a.Dims {
		a.Dims[i] = r.IntN(4)
		size *= a.Dims[i]
	}
	a.Fortran = len(a.Dims) > 1 && r.IntN(2) == 0
	a.Data = make([]byte, size)
	for i := range a.Data {
		a.Data[i] = byte(r.Uint32())
	}
	return a
}

func TestWhatIsWrittenIsReadInEveryDialect(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		v := random(r, 4)
		e := &encoder{r: r, protocol: int(seed % 6), numpy: []string{"numpy.core", "numpy._core"}[r.IntN(2)]}
		if e.protocol >= 2 {
			e.Write([]byte{0x80, byte(e.protocol)})
		}
		if e.protocol >= 4 {
			e.Write([]byte{0x95, 1, 0, 0, 0, 0, 0, 0, 0})
		}
		e.value(v)
		e.WriteByte('.')
		got, err := Decode(bytes.NewReader(e.Bytes()), Limits{})
		if err != nil {
			t.Fatalf("seed %d, protocol %d, %#v: %v\n%q", seed, e.protocol, v, err, e.Bytes())
		}
		if !reflect.DeepEqual(got, v) {
			t.Fatalf("seed %d, protocol %d: got %#v\nwant %#v", seed, e.protocol, got, v)
		}
	}
}
