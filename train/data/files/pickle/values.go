package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// stepNumber executes instructions that push None, a truth value or a number.
func (m *machine) stepNumber(op byte) (bool, error) {
	var v any
	var err error
	switch op {
	case 'N':
	case 0x88, 0x89:
		v = op == 0x88
	case 'I', 'L':
		v, err = m.readDecimal()
	case 'J':
		v, err = m.readInt(4)
	case 'K':
		v, err = m.readInt(1)
	case 'M':
		v, err = m.readInt(2)
	case 0x8a:
		v, err = m.readLong(1)
	case 0x8b:
		v, err = m.readLong(4)
	case 'F':
		v, err = m.readFloat()
	case 'G':
		var bits uint64
		bits, err = m.readUint(8)
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], bits)
		v = math.Float64frombits(binary.BigEndian.Uint64(b[:]))
	default:
		return false, nil
	}
	if err != nil {
		return true, err
	}
	return true, m.push(v)
}

// readInt reads an unsigned number of 1 or 2 bytes, or a signed one of 4.
func (m *machine) readInt(size int) (any, error) {
	u, err := m.readUint(size)
	if size == 4 {
		return int64(int32(u)), err
	}
	return int64(u), err
}

// readDecimal reads a line with a whole number, of Python 2 perhaps with an L;
// 00 and 01 are truth values.
func (m *machine) readDecimal() (any, error) {
	line, err := m.readLine()
	if err != nil {
		return nil, err
	}
	switch s := strings.TrimSpace(string(line)); s {
	case "00", "01":
		return s == "01", nil
	default:
		v, err := strconv.ParseInt(strings.TrimSuffix(s, "L"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %s is no whole number of 64 bits", files.ErrFormat, quoted(s))
		}
		return v, nil
	}
}

// readIndex reads a line with the number of a value in the memo.
func (m *machine) readIndex() (uint64, error) {
	line, err := m.readLine()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseUint(strings.TrimSpace(string(line)), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is no number of a value", files.ErrFormat, quoted(string(line)))
	}
	return v, nil
}

// readLong reads a number in two's complement after its length.
func (m *machine) readLong(size int) (any, error) {
	b, err := m.readBytes(size)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return int64(0), nil
	}
	fill := byte(int8(b[len(b)-1]) >> 7)
	var word [8]byte
	for i := range word {
		if word[i] = fill; i < len(b) {
			word[i] = b[i]
		}
	}
	for i, c := range b {
		if i >= 8 && c != fill || i == 7 && len(b) > 8 && (c^fill)&0x80 != 0 {
			return nil, fmt.Errorf("%w: a whole number of %d bytes, want at most 64 bits", files.ErrTooLarge, len(b))
		}
	}
	return int64(binary.LittleEndian.Uint64(word[:])), nil
}

func (m *machine) readFloat() (any, error) {
	line, err := m.readLine()
	if err != nil {
		return nil, err
	}
	s := strings.TrimSpace(string(line))
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xX_") {
		return nil, fmt.Errorf("%w: %s is no number", files.ErrFormat, quoted(s))
	}
	return v, nil
}

// lengths are the sizes of the numbers that say how long a text is.
var lengths = [256]uint8{'T': 4, 'U': 1, 'B': 4, 'C': 1, 0x8e: 8, 0x96: 8, 'X': 4, 0x8c: 1, 0x8d: 8}

// stepText executes instructions that push bytes or text.
func (m *machine) stepText(op byte) (bool, error) {
	if size := lengths[op]; size > 0 {
		b, err := m.readBytes(int(size))
		if err != nil {
			return true, err
		}
		if op != 'X' && op != 0x8c && op != 0x8d {
			return true, m.push(b)
		}
		if err := m.charge(int64(len(b))); err != nil {
			return true, err
		}
		if !utf8.Valid(b) { // Python may leave half of a surrogate pair
			return true, fmt.Errorf("%w: a text that is not UTF-8", files.ErrFormat)
		}
		return true, m.push(string(b))
	}
	if op != 'S' && op != 'V' {
		return false, nil
	}
	line, err := m.readLine()
	if err != nil {
		return true, err
	}
	var v any
	if op == 'S' {
		v, err = unquote(line)
	} else {
		v, err = unescape(line)
	}
	if err != nil {
		return true, err
	}
	if err := m.charge(int64(2 * len(line))); err != nil {
		return true, err
	}
	return true, m.push(v)
}

// unquote reads bytes as Python 2 quotes them.
func unquote(line []byte) ([]byte, error) {
	bad := fmt.Errorf("%w: bytes that are not quoted as in Python", files.ErrFormat)
	line = bytes.TrimSpace(line)
	n := len(line)
	if n < 2 || line[0] != line[n-1] || line[0] != '\'' && line[0] != '"' {
		return nil, bad
	}
	line = line[1 : n-1]
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		if line[i] != '\\' {
			out = append(out, line[i])
			continue
		}
		if i++; i == len(line) {
			return nil, bad
		}
		if at := strings.IndexByte("\\'\"abfnrtv", line[i]); at >= 0 {
			out = append(out, "\\'\"\a\b\f\n\r\t\v"[at])
			continue
		}
		digits, base := 2, 16
		switch {
		case line[i] == 'x':
			i++
		case line[i] >= '0' && line[i] <= '7':
			digits, base = 3, 8
		default:
			return nil, bad
		}
		if i+digits > len(line) {
			return nil, bad
		}
		v, err := strconv.ParseUint(string(line[i:i+digits]), base, 8)
		if err != nil {
			return nil, bad
		}
		out = append(out, byte(v))
		i += digits - 1
	}
	return out, nil
}

// unescape reads a text of Latin-1 and of \uXXXX and \UXXXXXXXX.
func unescape(line []byte) (string, error) {
	var out strings.Builder
	for i := 0; i < len(line); i++ {
		digits := 0
		switch rest := line[i:]; {
		case bytes.HasPrefix(rest, []byte(`\u`)):
			digits = 4
		case bytes.HasPrefix(rest, []byte(`\U`)):
			digits = 8
		}
		if digits == 0 {
			out.WriteRune(rune(line[i]))
			continue
		}
		if i+2+digits > len(line) {
			return "", fmt.Errorf("%w: a character that ends too early", files.ErrFormat)
		}
		v, err := strconv.ParseUint(string(line[i+2:i+2+digits]), 16, 32)
		if err != nil || !utf8.ValidRune(rune(v)) {
			return "", fmt.Errorf("%w: %s is no character", files.ErrFormat, quoted(string(line[i:i+2+digits])))
		}
		out.WriteRune(rune(v))
		i += 1 + digits
	}
	return out.String(), nil
}

// quoted is a piece of a file, quoted for an error message.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strconv.QuoteToASCII(s)
}
