package array

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// maxNumPyHeader bounds the header of an array; NumPy writes about 128 bytes.
const maxNumPyHeader = 1 << 16

// header is the header of an array.
type header struct {
	dtype   string
	fortran bool
	dims    []int
}

const numPyMagic = "\x93NUMPY"

// readHeader reads the header of a .npy file, versions 1 to 3.
func readHeader(b *bufio.Reader) (*header, error) {
	head, err := b.Peek(12)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(head, []byte(numPyMagic)) {
		return nil, fmt.Errorf("%w: no NumPy array", files.ErrFormat)
	}
	start, length := 10, int64(binary.LittleEndian.Uint16(head[8:]))
	switch head[6] {
	case 1:
	case 2, 3:
		start, length = 12, int64(binary.LittleEndian.Uint32(head[8:]))
	default:
		return nil, fmt.Errorf("%w: version %d.%d of the .npy format, this reader knows 1 to 3", files.ErrFormat, head[6],
			head[7])
	}
	if length+int64(start) > maxNumPyHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes", files.ErrTooLarge, length)
	}
	text, err := b.Peek(start + int(length))
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(string(text[start:]))
	if err != nil {
		return nil, err
	}
	_, err = b.Discard(start + int(length))
	return h, err
}

// parseHeader reads {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
// as NumPy writes it under Python 2 and 3, keys in any order.
func parseHeader(text string) (*header, error) {
	p := &literal{rest: strings.TrimSpace(text)}
	h, seen := &header{}, map[string]bool{}
	p.expect("{")
	for p.err == nil && !p.accept("}") {
		key := p.text()
		p.expect(":")
		switch key {
		case "descr":
			h.dtype = p.dtype()
		case "fortran_order":
			h.fortran = p.accept("True")
			if !h.fortran {
				p.expect("False")
			}
		case "shape":
			h.dims = p.tuple()
		default:
			p.fail("a key " + files.Quoted(key))
		}
		seen[key] = true
		if !p.accept(",") {
			p.expect("}")
			break
		}
	}
	if p.err == nil && (len(seen) != 3 || p.rest != "") {
		p.fail("keys missing, or more than a header")
	}
	return h, p.err
}

// literal is a Python literal that is being read.
type literal struct {
	rest string
	err  error
}

func (p *literal) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: the header is malformed at %s: %s", files.ErrFormat, files.Quoted(p.rest), what)
	}
}

func (p *literal) accept(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = strings.TrimLeft(rest, " \t\r\n")
	}
	return ok
}

func (p *literal) expect(token string) {
	if !p.accept(token) {
		p.fail("want " + token)
	}
}

// text is a quoted string without escapes.
func (p *literal) text() string {
	for _, prefix := range []string{"b'", "u'", "b\"", "u\""} {
		if strings.HasPrefix(p.rest, prefix) {
			p.rest = p.rest[1:]
		}
	}
	for _, q := range []string{"'", `"`} {
		if rest, ok := strings.CutPrefix(p.rest, q); ok {
			inner, after, found := strings.Cut(rest, q)
			if !found || strings.Contains(inner, `\`) {
				break
			}
			p.rest = strings.TrimLeft(after, " \t\r\n")
			return inner
		}
	}
	p.fail("want a string")
	return ""
}

// dtype is the type of a plain array, or the list of fields of a structured one.
func (p *literal) dtype() string {
	if !strings.HasPrefix(p.rest, "[") {
		return p.text()
	}
	depth := 0
	for i, c := range p.rest {
		switch c {
		case '[', '(':
			depth++
		case ']', ')':
			depth--
		}
		if depth == 0 {
			fields := p.rest[:i+1]
			p.rest = strings.TrimLeft(p.rest[i+1:], " \t\r\n")
			return fields
		}
	}
	p.fail("want a list of fields")
	return ""
}

// tuple is a tuple of sizes: (3, 4), (3L,), (np.int64(3), 4).
func (p *literal) tuple() []int {
	dims := []int{}
	p.expect("(")
	for p.err == nil && !p.accept(")") {
		dims = append(dims, p.size())
		if !p.accept(",") {
			p.expect(")")
			break
		}
	}
	return dims
}

// size is a whole number, plain, long, or wrapped in a type of NumPy.
func (p *literal) size() int {
	wrapped := false
	for _, module := range []string{"np.", "numpy.", ""} {
		for _, kind := range []string{"int", "uint"} {
			for _, bits := range []string{"8", "16", "32", "64", "p", ""} {
				wrapped = wrapped || p.accept(module+kind+bits+"(")
			}
		}
	}
	end := 0
	for end < len(p.rest) && p.rest[end] >= '0' && p.rest[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(p.rest[:end], 10, 64)
	if err != nil || n > math.MaxInt {
		p.fail("want a size")
		return 0
	}
	p.rest = strings.TrimLeft(p.rest[end:], " \t\r\n")
	p.accept("L")
	if wrapped {
		p.expect(")")
	}
	return int(n)
}
