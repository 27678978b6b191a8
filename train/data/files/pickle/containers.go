package pickle

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// stepContainer executes instructions that make or fill containers.
func (m *machine) stepContainer(op byte) (bool, error) {
	switch op {
	case ')':
		return true, m.make(&tuple{})
	case ']':
		return true, m.make(&list{})
	case '}':
		return true, m.make(&dict{})
	case 0x8f:
		return true, m.make(&set{})
	case 0x85, 0x86, 0x87:
		return true, m.makeTuple(int(op) - 0x84)
	case 't', 'l', 'd', 0x91:
		return true, m.makeFilled(op)
	case 'a', 's':
		return true, m.fillOne(op)
	case 'e', 'u', 0x90:
		items, err := m.popMark()
		if err != nil {
			return true, err
		}
		return true, m.fill(op, items)
	}
	return false, nil
}

// make pushes a new container.
func (m *machine) make(v any) error {
	if err := m.charge(costContainer); err != nil {
		return err
	}
	return m.push(v)
}

func (m *machine) makeTuple(n int) error {
	out := make([]any, n)
	for i := n - 1; i >= 0; i-- {
		v, err := m.pop()
		if err != nil {
			return err
		}
		out[i] = v
	}
	return m.make(&tuple{out})
}

// makeFilled pushes a container of what lies on the last mark.
func (m *machine) makeFilled(op byte) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	if err := m.charge(costValue * int64(len(items))); err != nil {
		return err
	}
	switch op {
	case 't':
		return m.make(&tuple{append([]any(nil), items...)})
	case 'l':
		return m.make(&list{items: append([]any(nil), items...)})
	case 0x91:
		return m.make(&set{items: append([]any(nil), items...), frozen: true})
	}
	d := &dict{}
	if err := d.add(items); err != nil {
		return err
	}
	return m.make(d)
}

// fillOne executes the instructions that add one value, or one key and value.
func (m *machine) fillOne(op byte) error {
	n := 1
	if op == 's' {
		n = 2
	}
	if len(m.stack)-n < m.floor() {
		return errUnderflow
	}
	items := m.stack[len(m.stack)-n:]
	m.stack = m.stack[:len(m.stack)-n]
	return m.fill(op, items)
}

// fill adds values to the container on the stack.
func (m *machine) fill(op byte, items []any) error {
	if err := m.charge(costValue * int64(len(items))); err != nil {
		return err
	}
	target, err := m.top()
	if err != nil {
		return err
	}
	switch into := target.(type) {
	case *list:
		if op == 'a' || op == 'e' {
			into.items = append(into.items, items...)
			return nil
		}
	case *dict:
		if op == 's' || op == 'u' {
			return into.add(items)
		}
	case *set:
		if op == 0x90 && !into.frozen {
			into.items = append(into.items, items...)
			return nil
		}
	}
	return fmt.Errorf("%w: values are added to a value that holds none", files.ErrFormat)
}

// add appends keys and values that alternate.
func (d *dict) add(items []any) error {
	if len(items)%2 != 0 {
		return fmt.Errorf("%w: a key of a dict lacks its value", files.ErrFormat)
	}
	for i := 0; i < len(items); i += 2 {
		d.keys = append(d.keys, items[i])
		d.values = append(d.values, items[i+1])
	}
	return nil
}

// size is what a value is when every shared value is written out.
type size struct {
	bytes int64
	depth int
}

// finished is a value of the result and its size.
type finished struct {
	value any
	size
}

// finisher turns containers that may grow into those of the result. A container
// that is used twice is turned once.
type finisher struct {
	limit Limits
	done  map[any]*finished // by pointer; nil while a container is being turned
}

// result is the value that Decode returns.
func (m *machine) result(v any) (any, error) {
	f := finisher{limit: m.limit, done: map[any]*finished{}}
	out, err := f.finish(v, 0)
	return out.value, err
}

func (f *finisher) finish(v any, depth int) (finished, error) {
	plain := func(n int) (finished, error) {
		return finished{v, size{bytes: costValue + int64(n)}}, nil
	}
	if depth > f.limit.Depth {
		return finished{}, fmt.Errorf("%w: containers lie more than %d deep", files.ErrTooLarge, f.limit.Depth)
	}
	switch v := v.(type) {
	case nil, bool, int64, float64:
		return plain(0)
	case string:
		return plain(len(v))
	case []byte:
		return plain(len(v))
	case *Array:
		return plain(len(v.Data))
	case *Tensor:
		return plain(16 * len(v.Dims))
	case *Storage:
		return finished{}, objectError("a storage without its tensor")
	case *tuple:
		return f.once(v, depth, func() (any, size, error) {
			items, s, err := f.finishAll(v.items, depth)
			return Tuple(items), s, err
		})
	case *list:
		return f.once(v, depth, func() (any, size, error) {
			items, s, err := f.finishAll(v.items, depth)
			return items, s, err
		})
	case *set:
		return f.once(v, depth, func() (any, size, error) {
			items, s, err := f.finishAll(v.items, depth)
			return Set(items), s, err
		})
	case *dict:
		return f.once(v, depth, func() (any, size, error) {
			keys, s, err := f.finishAll(v.keys, depth)
			if err != nil {
				return nil, s, err
			}
			values, more, err := f.finishAll(v.values, depth)
			s.bytes, s.depth = s.bytes+more.bytes, max(s.depth, more.depth)
			return &Dict{Keys: keys, Values: values}, s, err
		})
	case *ndarray:
		return f.once(v, depth, func() (any, size, error) { return f.finishArray(v, depth) })
	case *dtype:
		return finished{}, objectError("numpy.dtype")
	case *global:
		return finished{}, objectError(v.name)
	}
	return finished{}, fmt.Errorf("%w: a value of an unknown kind", files.ErrFormat)
}

// once turns a container that has not been turned yet.
func (f *finisher) once(key any, depth int, turn func() (any, size, error)) (finished, error) {
	if done, ok := f.done[key]; ok {
		switch {
		case done == nil:
			return finished{}, fmt.Errorf("%w: a container that holds itself", files.ErrFormat)
		case depth+done.depth > f.limit.Depth:
			return finished{}, fmt.Errorf("%w: containers lie more than %d deep", files.ErrTooLarge, f.limit.Depth)
		}
		return *done, nil
	}
	f.done[key] = nil
	v, s, err := turn()
	if err != nil {
		return finished{}, err
	}
	done := finished{v, s}
	f.done[key] = &done
	return done, nil
}

// finishAll turns the values of a container at a depth.
func (f *finisher) finishAll(items []any, depth int) ([]any, size, error) {
	s := size{bytes: costContainer, depth: 1}
	out := make([]any, len(items))
	for i, item := range items {
		one, err := f.finish(item, depth+1)
		if err != nil {
			return nil, s, err
		}
		out[i] = one.value
		s.depth = max(s.depth, one.depth+1)
		if s.bytes += one.bytes; s.bytes > f.limit.Bytes {
			return nil, s, fmt.Errorf("%w: shared values written out have more than %d bytes", files.ErrTooLarge, f.limit.Bytes)
		}
	}
	return out, s, nil
}
