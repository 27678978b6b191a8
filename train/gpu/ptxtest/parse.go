package ptxtest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// kind is what an instruction does beside computing a value.
type kind int

const (
	compute kind = iota
	load
	store
	branch
	barrier
	leave
)

// space is where a load or store goes.
type space int

const (
	global space = iota
	shared
	parameter
)

// instruction reads and writes registers by number; constants have registers of their own.
type instruction struct {
	kind    kind
	text    string
	guard   int // register that decides whether it runs, or -1
	negated bool
	f       func(a, b, c uint64) uint64
	to      []int
	from    [3]int
	space   space
	base    int // register of an address
	offset  int
	target  int // of a branch
	label   string
	bytes   int // of each value that is loaded or stored
}

// entry is a parsed kernel.
type entry struct {
	name      string
	registers map[string]int
	initial   []uint64 // values of registers that are constants
	params    map[string]int
	sizes     []int // of parameters, in order
	places    []int
	paramSize int
	shared    map[string]int
	local     int // bytes of shared memory
	code      []instruction
}

var (
	entryName = regexp.MustCompile(`\.entry\s+([\w$]+)\(`)
	paramLine = regexp.MustCompile(`\.param\s+(?:\.align\s+(\d+)\s+)?\.(u64|u32|f32|b8)\s+([\w$]+)(?:\[(\d+)\])?`)
	sharedAt  = regexp.MustCompile(`\.shared\s+\.align\s+(\d+)\s+\.b8\s+([\w$]+)\[(\d+)\]`)
)

// Parse reads the kernels of a module.
func Parse(text string) (*Text, error) {
	out := make(map[string]*entry)
	var e *entry
	labels := make(map[string]int)
	for number, line := range strings.Split(text, "\n") {
		if at := strings.Index(line, "//"); at >= 0 {
			line = line[:at]
		}
		line = strings.TrimSpace(line)
		if m := entryName.FindStringSubmatch(line); m != nil {
			e = &entry{name: m[1], registers: make(map[string]int), params: make(map[string]int), shared: make(map[string]int)}
			out[e.name], labels = e, make(map[string]int)
		}
		if e == nil || line == "" {
			continue
		}
		if err := e.line(line, labels); err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", number+1, line, err)
		}
		if line == "}" {
			for i := range e.code {
				c := &e.code[i]
				target, ok := labels[c.label]
				if c.kind == branch && !ok {
					return nil, fmt.Errorf("%s: no label %s", e.name, c.label)
				}
				c.target = target
			}
			e = nil
		}
	}
	return &Text{out}, nil
}

func (e *entry) line(line string, labels map[string]int) error {
	switch {
	case paramLine.MatchString(line) && !strings.HasPrefix(line, "ld"):
		m := paramLine.FindStringSubmatch(line)
		size := map[string]int{"u64": 8, "u32": 4, "f32": 4, "b8": 1}[m[2]]
		align := size
		if m[4] != "" {
			size, _ = strconv.Atoi(m[4])
			align, _ = strconv.Atoi(m[1])
		}
		e.paramSize = (e.paramSize + align - 1) / align * align
		e.params[m[3]] = e.paramSize
		e.places, e.sizes = append(e.places, e.paramSize), append(e.sizes, size)
		e.paramSize += size
	case sharedAt.MatchString(line):
		m := sharedAt.FindStringSubmatch(line)
		align, _ := strconv.Atoi(m[1])
		size, _ := strconv.Atoi(m[3])
		e.local = (e.local + align - 1) / align * align
		e.shared[m[2]] = e.local
		e.local += size
	case strings.HasSuffix(line, ":"):
		labels[strings.TrimSuffix(line, ":")] = len(e.code)
	case strings.HasSuffix(line, ";") && !strings.HasPrefix(line, "."):
		return e.instruction(strings.TrimSuffix(line, ";"))
	}
	return nil
}

func (e *entry) instruction(text string) error {
	i := instruction{text: text, guard: -1}
	if rest, ok := strings.CutPrefix(text, "@"); ok {
		guard, after, _ := strings.Cut(rest, " ")
		i.negated = strings.HasPrefix(guard, "!")
		i.guard, text = e.register(strings.TrimPrefix(guard, "!")), strings.TrimSpace(after)
	}
	name, rest, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	operands := split(rest)
	var err error
	switch {
	case name == "ret":
		i.kind = leave
	case name == "bar.sync":
		i.kind = barrier
	case name == "bra" || name == "bra.uni":
		i.kind, i.label = branch, operands[0]
	case strings.HasPrefix(name, "ld."):
		i.kind = load
		i.to = e.list(operands[0])
		err = e.address(&i, name, operands[1])
	case strings.HasPrefix(name, "st."):
		i.kind = store
		i.to = e.list(operands[1])
		err = e.address(&i, name, operands[0])
	default:
		if i.f = functions[name]; i.f == nil {
			return fmt.Errorf("unknown instruction %s", name)
		}
		i.to = []int{e.register(operands[0])}
		for n, o := range operands[1:] {
			if i.from[n], err = e.operand(o); err != nil {
				return err
			}
		}
	}
	e.code = append(e.code, i)
	return err
}

// split separates operands at commas outside braces.
func split(text string) (out []string) {
	depth, start := 0, 0
	for n, c := range text + "," {
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(text[start:n]))
			start = n + 1
		}
	}
	return out
}

func (e *entry) register(name string) int {
	if at, ok := e.registers[name]; ok {
		return at
	}
	at := len(e.initial)
	e.registers[name] = at
	e.initial = append(e.initial, 0)
	return at
}

// list is the registers of an operand, several in braces.
func (e *entry) list(text string) (out []int) {
	for _, name := range strings.Split(strings.Trim(text, "{}"), ",") {
		at, err := e.operand(strings.TrimSpace(name))
		if err != nil {
			at = e.register(name)
		}
		out = append(out, at)
	}
	return out
}

// operand is the register of a register, a constant or the address of a name.
func (e *entry) operand(text string) (int, error) {
	if strings.HasPrefix(text, "%") {
		return e.register(text), nil
	}
	at := e.register(text)
	switch {
	case strings.HasPrefix(text, "0f"):
		v, err := strconv.ParseUint(text[2:], 16, 32)
		e.initial[at] = v
		return at, err
	case e.has(e.params, text, at), e.has(e.shared, text, at):
		return at, nil
	}
	v, err := strconv.ParseInt(text, 0, 64)
	e.initial[at] = uint64(v)
	return at, err
}

func (e *entry) has(names map[string]int, name string, at int) bool {
	offset, ok := names[name]
	if ok {
		e.initial[at] = uint64(offset)
	}
	return ok
}

var addressed = regexp.MustCompile(`^\[([\w$%]+)(?:\+(-?\d+))?\]$`)

func (e *entry) address(i *instruction, name, text string) (err error) {
	m := addressed.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("address %s", text)
	}
	if i.base, err = e.operand(m[1]); err != nil {
		return err
	}
	if m[2] != "" {
		i.offset, err = strconv.Atoi(m[2])
	}
	parts := strings.Split(name, ".")
	switch parts[1] {
	case "global":
		i.space = global
	case "shared":
		i.space = shared
	case "param":
		i.space = parameter
	default:
		return fmt.Errorf("state space %s", parts[1])
	}
	i.bytes = map[string]int{"f32": 4, "u32": 4, "b32": 4, "u64": 8}[parts[len(parts)-1]]
	if i.bytes == 0 {
		err = fmt.Errorf("type of %s", name)
	}
	return err
}
