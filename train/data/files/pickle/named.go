package pickle

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// global is a name of the table.
type global struct {
	name string
	call func(m *machine, args []any) (any, error) // nil of names that are only mentioned
}

// globals are all names that a pickle may mention. Each stands for a function
// of this package; nothing is looked up anywhere else.
var globals = map[string]*global{}

func init() {
	add := func(call func(*machine, []any) (any, error), names ...string) {
		for _, name := range names {
			globals[name] = &global{name: name, call: call}
		}
	}
	add(nil, "numpy.ndarray")
	add(callDtype, "numpy.dtype")
	add(callReconstruct, "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
	add(callScalar, "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
	add(callFromBuffer, "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")
	add(callEncode, "_codecs.encode")
	add(callOrderedDict, "collections.OrderedDict")
	add(callSet(false), "__builtin__.set", "builtins.set")
	add(callSet(true), "__builtin__.frozenset", "builtins.frozenset")
	add(callBytes, "__builtin__.bytes", "builtins.bytes", "__builtin__.bytearray", "builtins.bytearray")
}

// stepNamed executes instructions about names: of functions, classes and objects.
func (m *machine) stepNamed(op byte) (bool, error) {
	switch op {
	case 'c':
		return true, m.pushGlobal()
	case 0x93:
		return true, m.pushStackGlobal()
	case 'R':
		return true, m.reduce()
	case 'b':
		return true, m.build()
	case 'i', 'o', 0x81, 0x92:
		return true, m.refuseObject(op)
	case 'Q':
		return true, m.persistent()
	case 'P':
		return true, errPersistent
	case 0x82, 0x83, 0x84:
		return true, objectError("that an extension registry knows")
	case 0x97, 0x98:
		outside := fmt.Errorf("%w: the values of an array lie outside the pickle", files.ErrFormat)
		return true, &files.Error{Offset: m.offset, Err: outside, Hint: "save without buffer_callback, or with numpy.save"}
	}
	return false, nil
}

// errPersistent is the refusal of a value that the pickle only refers to.
var errPersistent = objectError("that lies outside the pickle (a persistent id)")

// objectError is the refusal of an object of a class, or of a function.
func objectError(name string) error {
	hint := "save plain values: numbers, text, lists, dicts and NumPy arrays, best with numpy.savez"
	return &files.Error{Place: "the pickle", Err: fmt.Errorf("%w (%s)", ErrObject, name), Hint: hint}
}

// pushGlobal reads a name in two lines.
func (m *machine) pushGlobal() error {
	module, err := m.readLine()
	if err != nil {
		return err
	}
	name, err := m.readLine()
	if err != nil {
		return err
	}
	return m.pushNamed(string(module), string(name))
}

func (m *machine) pushStackGlobal() error {
	name, err := m.pop()
	if err != nil {
		return err
	}
	module, err := m.pop()
	if err != nil {
		return err
	}
	n, ok := name.(string)
	in, also := module.(string)
	if !ok || !also {
		return fmt.Errorf("%w: a name that is no text", files.ErrFormat)
	}
	return m.pushNamed(in, n)
}

func (m *machine) pushNamed(module, name string) error {
	g := globals[module+"."+name]
	if g == nil && m.torch != nil {
		g = torchGlobals[module+"."+name]
	}
	if g == nil {
		return objectError("type " + quoted(module+"."+name))
	}
	return m.push(g)
}

// refuseObject names the class of an object.
func (m *machine) refuseObject(op byte) error {
	var class any
	switch op {
	case 'i':
		module, _ := m.readLine()
		name, err := m.readLine()
		if err != nil {
			return err
		}
		return objectError("type " + quoted(string(module)+"."+string(name)))
	case 'o':
		if items, err := m.popMark(); err == nil && len(items) > 0 {
			class = items[0]
		}
	default:
		for below := map[byte]int{0x81: 1, 0x92: 2}[op]; below >= 0; below-- {
			var err error
			if class, err = m.pop(); err != nil {
				return err
			}
		}
	}
	if g, ok := class.(*global); ok {
		return objectError("type " + g.name)
	}
	return objectError("a value that is no class")
}

// reduce replaces a function and its arguments by its result.
func (m *machine) reduce() error {
	args, err := m.pop()
	if err != nil {
		return err
	}
	function, err := m.pop()
	if err != nil {
		return err
	}
	with, ok := args.(*tuple)
	g, known := function.(*global)
	switch {
	case !known:
		return objectError("a call of a value that is no function")
	case g.call == nil:
		return objectError("type " + g.name)
	case !ok:
		return fmt.Errorf("%w: %s without arguments", files.ErrFormat, g.name)
	}
	v, err := g.call(m, with.items)
	if err != nil {
		return fmt.Errorf("%s: %w", g.name, err)
	}
	return m.make(v)
}

var errArguments = fmt.Errorf("%w: arguments that Python does not write", files.ErrFormat)

// callEncode is how Python 3 writes bytes for Python 2: as a text whose
// characters are the bytes.
func callEncode(m *machine, args []any) (any, error) {
	if len(args) != 2 {
		return nil, errArguments
	}
	s, ok := args[0].(string)
	if encoding, _ := text(args[1]); !ok || encoding != "latin1" && encoding != "latin-1" {
		return nil, errArguments
	}
	if err := m.charge(int64(len(s))); err != nil {
		return nil, err
	}
	b, ok := latin1(s)
	if !ok {
		return nil, errArguments
	}
	return b, nil
}

// callBytes makes bytes of nothing, of bytes, or of a text as callEncode.
func callBytes(m *machine, args []any) (any, error) {
	switch len(args) {
	case 0:
		return []byte{}, nil
	case 1:
		if b, ok := args[0].([]byte); ok {
			return b, nil
		}
		return nil, errArguments
	}
	return callEncode(m, args)
}

// callOrderedDict makes an empty dict, or one of a list of pairs.
func callOrderedDict(m *machine, args []any) (any, error) {
	d := &dict{}
	if len(args) == 0 {
		return d, nil
	}
	pairs, ok := args[0].(*list)
	if !ok || len(args) > 1 {
		return nil, errArguments
	}
	if err := m.charge(2 * costValue * int64(len(pairs.items))); err != nil {
		return nil, err
	}
	for _, item := range pairs.items {
		var pair []any
		switch item := item.(type) {
		case *list:
			pair = item.items
		case *tuple:
			pair = item.items
		}
		if len(pair) != 2 {
			return nil, errArguments
		}
		if err := d.add(pair); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// callSet makes a set of a list.
func callSet(frozen bool) func(*machine, []any) (any, error) {
	return func(m *machine, args []any) (any, error) {
		if len(args) == 0 {
			return &set{frozen: frozen}, nil
		}
		from, ok := args[0].(*list)
		if !ok || len(args) > 1 {
			return nil, errArguments
		}
		err := m.charge(costValue * int64(len(from.items)))
		return &set{items: append([]any(nil), from.items...), frozen: frozen}, err
	}
}
