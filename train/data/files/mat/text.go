package mat

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// readText reads characters. MATLAB counts units of UTF-16, SciPy characters.
func (e *element) readText(v *Variable, n int) error {
	kind, data, err := e.readPart(e.left)
	if err != nil {
		return err
	}
	if err := e.d.charge(8 * int64(len(data))); err != nil {
		return err
	}
	units, err := e.units(kind, data)
	if err != nil {
		return err
	}
	rows := v.Dims[0]
	if n == 0 {
		return nil
	}
	if rows == 1 {
		v.Text = []string{joined(units)}
		return nil
	}
	if len(units) != n {
		units = wide(units)
	}
	if len(units) != n {
		v.Skipped = fmt.Sprintf("text of %v with %d characters", v.Dims, len(units))
		return nil
	}
	if err := e.d.charge(16 * int64(rows)); err != nil {
		return err
	}
	row := make([]rune, n/rows)
	for i := range rows {
		for j := range row {
			row[j] = units[i+j*rows]
		}
		v.Text = append(v.Text, strings.TrimRight(joined(row), " "))
	}
	return nil
}

// units are the characters or, of UTF-16, its units.
func (e *element) units(kind uint32, data []byte) ([]rune, error) {
	width := map[uint32]int{
		typeInt8: 1, typeUint8: 1, typeUTF8: 1, typeUint16: 2, typeUTF16: 2, typeUTF32: 4, typeUint32: 4,
	}[kind]
	if width == 0 || len(data)%width != 0 {
		return nil, fmt.Errorf("%w: text of type %d with %d bytes", files.ErrFormat, kind, len(data))
	}
	if kind == typeUTF8 {
		return []rune(string(data)), nil
	}
	out := make([]rune, len(data)/width)
	for i := range out {
		switch width {
		case 1:
			out[i] = rune(data[i])
		case 2:
			out[i] = rune(e.d.order.Uint16(data[2*i:]))
		default:
			out[i] = rune(e.d.order.Uint32(data[4*i:]))
		}
		if out[i] < 0 || out[i] > utf8.MaxRune {
			out[i] = utf8.RuneError
		}
	}
	return out, nil
}

// wide are the units of UTF-16 of characters.
func wide(s []rune) []rune {
	var out []rune
	for _, u := range utf16.Encode(s) {
		out = append(out, rune(u))
	}
	return out
}

// joined is the text of characters and units of UTF-16.
func joined(units []rune) string {
	var out strings.Builder
	for i := 0; i < len(units); i++ {
		c := units[i]
		if utf16.IsSurrogate(c) && i+1 < len(units) {
			if pair := utf16.DecodeRune(c, units[i+1]); pair != utf8.RuneError {
				c, i = pair, i+1
			}
		}
		out.WriteRune(c)
	}
	return out.String()
}
