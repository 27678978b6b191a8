package pickle

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// What values cost besides their bytes, in bytes, about: a place in a container
// or on the stack with the number or the header it points to; a container; a
// place in the memo.
const (
	costValue     = 48
	costContainer = 192
	costMemo      = 64
)

// machine executes the instructions of one pickle on a stack and a memo.
type machine struct {
	r      *bufio.Reader
	offset int64
	limit  Limits
	used   int64 // of limit.Bytes
	steps  int

	stack []any
	marks []int // heights of the stack
	memo  map[uint64]any

	torch *storages // of a pickle in a PyTorch file; nil in others
}

// charge counts memory before it is allocated.
func (m *machine) charge(n int64) error {
	if n < 0 || n > m.limit.Bytes-m.used {
		return fmt.Errorf("%w: want values of at most %d bytes together", files.ErrTooLarge, m.limit.Bytes)
	}
	m.used += n
	return nil
}

// run executes instructions until STOP.
func (m *machine) run() (any, error) {
	for {
		op, err := m.readByte()
		if err != nil {
			return nil, err
		}
		if m.steps++; m.steps > m.limit.Steps {
			return nil, fmt.Errorf("%w: more than %d instructions", files.ErrTooLarge, m.limit.Steps)
		}
		if op != '.' {
			if err := m.step(op); err != nil {
				return nil, err
			}
			continue
		}
		v, err := m.pop()
		switch {
		case err != nil:
			return nil, err
		case len(m.stack) > 0 || len(m.marks) > 0:
			return nil, fmt.Errorf("%w: values are left over at its end", files.ErrFormat)
		}
		return v, nil
	}
}

// end reads the end of r.
func (m *machine) end() error {
	switch _, err := m.r.ReadByte(); err {
	case nil:
		return fmt.Errorf("%w of the pickle", files.ErrTrailing)
	case io.EOF:
		return nil
	default:
		return err
	}
}

// step executes one instruction.
func (m *machine) step(op byte) error {
	known, err := m.stepStack(op)
	if !known {
		known, err = m.stepNumber(op)
	}
	if !known {
		known, err = m.stepText(op)
	}
	if !known {
		known, err = m.stepContainer(op)
	}
	if !known {
		known, err = m.stepNamed(op)
	}
	if known {
		return err
	}
	return fmt.Errorf("%w: no instruction 0x%02x in pickles", files.ErrFormat, op)
}

// stepStack executes instructions about the stack, the memo and the stream.
func (m *machine) stepStack(op byte) (bool, error) {
	switch op {
	case '(':
		if err := m.charge(8); err != nil {
			return true, err
		}
		m.marks = append(m.marks, len(m.stack))
		return true, nil
	case '0': // takes a mark back when nothing lies on it
		if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
			m.marks = m.marks[:n-1]
			return true, nil
		}
		_, err := m.pop()
		return true, err
	case '1':
		_, err := m.popMark()
		return true, err
	case '2':
		v, err := m.top()
		if err != nil {
			return true, err
		}
		return true, m.push(v)
	case 0x80:
		version, err := m.readByte()
		if err == nil && version > 5 {
			err = fmt.Errorf("%w: a pickle of protocol %d, want 0 to 5", files.ErrFormat, version)
		}
		return true, err
	case 0x95: // the length of a frame: readers need not heed it
		_, err := m.readUint(8)
		return true, err
	case 'p', 'q', 'r', 0x94:
		return true, m.put(op)
	case 'g', 'h', 'j':
		return true, m.get(op)
	}
	return false, nil
}

func (m *machine) put(op byte) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	key := uint64(len(m.memo))
	switch op {
	case 'p':
		key, err = m.readIndex()
	case 'q':
		key, err = m.readUint(1)
	case 'r':
		key, err = m.readUint(4)
	}
	if err != nil {
		return err
	}
	if _, again := m.memo[key]; !again {
		err = m.charge(costMemo)
	}
	m.memo[key] = v
	return err
}

func (m *machine) get(op byte) (err error) {
	var key uint64
	switch op {
	case 'g':
		key, err = m.readIndex()
	case 'h':
		key, err = m.readUint(1)
	default:
		key, err = m.readUint(4)
	}
	if err != nil {
		return err
	}
	v, ok := m.memo[key]
	if !ok {
		return fmt.Errorf("%w: value %d is used before it is there", files.ErrFormat, key)
	}
	return m.push(v)
}

func (m *machine) push(v any) error {
	if err := m.charge(costValue); err != nil {
		return err
	}
	m.stack = append(m.stack, v)
	return nil
}

var errUnderflow = fmt.Errorf("%w: an instruction lacks its values", files.ErrFormat)

// floor is the height below which the stack belongs to an outer mark.
func (m *machine) floor() int {
	if n := len(m.marks); n > 0 {
		return m.marks[n-1]
	}
	return 0
}

func (m *machine) top() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, errUnderflow
	}
	return m.stack[len(m.stack)-1], nil
}

func (m *machine) pop() (any, error) {
	v, err := m.top()
	if err == nil {
		m.stack[len(m.stack)-1] = nil
		m.stack = m.stack[:len(m.stack)-1]
	}
	return v, err
}

// popMark takes what lies on the last mark, and the mark; the values are valid
// until the next push.
func (m *machine) popMark() ([]any, error) {
	n := len(m.marks)
	if n == 0 {
		return nil, errUnderflow
	}
	from := m.marks[n-1]
	items := m.stack[from:]
	m.marks, m.stack = m.marks[:n-1], m.stack[:from]
	return items, nil
}

func (m *machine) readByte() (byte, error) {
	b, err := m.r.ReadByte()
	if err != nil {
		return 0, orTruncated(err)
	}
	m.offset++
	return b, nil
}

// readUint reads a little-endian number of 1, 2, 4 or 8 bytes.
func (m *machine) readUint(size int) (uint64, error) {
	var b [8]byte
	n, err := io.ReadFull(m.r, b[:size])
	m.offset += int64(n)
	return binary.LittleEndian.Uint64(b[:]), orTruncated(err)
}

// readBytes reads as many bytes as a number of the given size says.
func (m *machine) readBytes(size int) ([]byte, error) {
	n, err := m.readUint(size)
	if err != nil {
		return nil, err
	}
	if n > math.MaxInt64 {
		return nil, fmt.Errorf("%w: a value of %d bytes", files.ErrTooLarge, n)
	}
	return m.take(int64(n))
}

// take reads n bytes. Memory grows with the bytes that are read.
func (m *machine) take(n int64) ([]byte, error) {
	if err := m.charge(n); err != nil {
		return nil, err
	}
	out := make([]byte, 0, min(n, 1<<16))
	for int64(len(out)) < n {
		if len(out) == cap(out) {
			out = append(make([]byte, 0, min(n, 4*int64(len(out)))), out...)
		}
		got, err := io.ReadFull(m.r, out[len(out):cap(out)])
		m.offset += int64(got)
		if out = out[:len(out)+got]; err != nil {
			return nil, orTruncated(err)
		}
	}
	return out, nil
}

// readLine reads up to the end of a line, which it leaves out.
func (m *machine) readLine() ([]byte, error) {
	var line []byte
	for {
		part, err := m.r.ReadSlice('\n')
		m.offset += int64(len(part))
		if failed := m.charge(int64(len(part))); failed != nil {
			return nil, failed
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, orTruncated(err)
		}
	}
}

func orTruncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return files.ErrTruncated
	}
	return err
}
