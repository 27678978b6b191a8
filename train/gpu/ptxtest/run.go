package ptxtest

import (
	"encoding/binary"
	"fmt"
)

// group is the work items that share memory, one after the other until all wait at a barrier.
type group struct {
	entry     *entry
	at        Memory
	params    []byte
	index     [3]int
	count     [3]int
	memory    []byte
	touched   []touch // of every four bytes of shared memory
	round     int     // barriers so far
	registers [][]uint64
	place     []int // of each item, its next instruction; -1: it has left
}

// touch is who used a place of shared memory since the last barrier.
type touch struct {
	round, writer, reader int // items, counted from 1; -1: several readers
}

// run runs a group of n work items.
func (g *group) run(n int) error {
	g.memory, g.touched = make([]byte, g.entry.local), make([]touch, (g.entry.local+3)/4)
	g.registers, g.place = make([][]uint64, n), make([]int, n)
	for item := range n {
		r := append([]uint64(nil), g.entry.initial...)
		for name, v := range map[string]int{"%tid.x": item, "%ctaid.x": g.index[0], "%ctaid.y": g.index[1],
			"%ctaid.z":  g.index[2],
			"%nctaid.x": g.count[0]} {
			if at, ok := g.entry.registers[name]; ok {
				r[at] = uint64(v)
			}
		}
		g.registers[item] = r
	}
	for {
		waiting, left := 0, 0
		at := -1
		for item := range n {
			if g.place[item] < 0 {
				left++
				continue
			}
			if err := g.item(item); err != nil {
				return fmt.Errorf("kernel %s, group %v, item %d: %w", g.entry.name, g.index, item, err)
			}
			if g.place[item] < 0 {
				left++
				continue
			}
			if at >= 0 && g.place[item] != at {
				return fmt.Errorf("kernel %s, group %v: items wait at different barriers", g.entry.name, g.index)
			}
			at = g.place[item]
			waiting++
		}
		if waiting == 0 {
			return nil
		}
		if left > 0 {
			return fmt.Errorf("kernel %s, group %v: %d items wait at a barrier, %d have left", g.entry.name, g.index, waiting,
				left)
		}
		g.round++
	}
}

// mostSteps ends an item that does not end by itself.
const mostSteps = 1 << 26

// item runs one work item until it leaves or waits.
func (g *group) item(item int) error {
	r, code, at := g.registers[item], g.entry.code, g.place[item]
	for range mostSteps {
		i := &code[at]
		at++
		if i.guard >= 0 && (r[i.guard] != 0) == i.negated {
			continue
		}
		switch i.kind {
		case compute:
			r[i.to[0]] = i.f(r[i.from[0]], r[i.from[1]], r[i.from[2]])
		case branch:
			at = i.target
		case barrier:
			g.place[item] = at
			return nil
		case leave:
			g.place[item] = -1
			return nil
		default:
			if err := g.access(i, r, item); err != nil {
				return fmt.Errorf("%s: %w", i.text, err)
			}
		}
	}
	return fmt.Errorf("no end after %d instructions", mostSteps)
}

// access loads or stores the values of an instruction.
func (g *group) access(i *instruction, r []uint64, item int) error {
	address := r[i.base] + uint64(int64(i.offset))
	if n := uint64(len(i.to) * i.bytes); address%n != 0 {
		return fmt.Errorf("address %#x is not a multiple of %d", address, n)
	}
	for n, register := range i.to {
		memory, err := g.bytes(i, address+uint64(n*i.bytes), item)
		if err != nil {
			return err
		}
		switch {
		case i.kind == load && i.bytes == 8:
			r[register] = binary.LittleEndian.Uint64(memory)
		case i.kind == load:
			r[register] = uint64(binary.LittleEndian.Uint32(memory))
		case i.bytes == 8:
			binary.LittleEndian.PutUint64(memory, r[register])
		default:
			binary.LittleEndian.PutUint32(memory, uint32(r[register]))
		}
	}
	return nil
}

// bytes is the memory at an address, checked.
func (g *group) bytes(i *instruction, address uint64, item int) ([]byte, error) {
	within := g.memory
	switch i.space {
	case global:
		return g.at(address, i.bytes)
	case parameter:
		within = g.params
	}
	if address+uint64(i.bytes) > uint64(len(within)) || address+uint64(i.bytes) < address {
		return nil, fmt.Errorf("address %d of %d bytes", address, len(within))
	}
	if i.space == shared {
		if err := g.touch(int(address)/4, i.kind == store, item+1); err != nil {
			return nil, err
		}
	}
	return within[address:], nil
}

// touch notes who uses a place of shared memory, and fails where two items do between barriers and one of them writes.
func (g *group) touch(place int, writes bool, item int) error {
	t := &g.touched[place]
	if t.round != g.round+1 {
		*t = touch{round: g.round + 1}
	}
	if t.writer != 0 && t.writer != item || writes && t.reader != 0 && t.reader != item {
		return fmt.Errorf("race: item %d and another use shared memory at %d between two barriers", item-1, 4*place)
	}
	if writes {
		t.writer = item
	} else if t.reader == 0 {
		t.reader = item
	} else if t.reader != item {
		t.reader = -1
	}
	return nil
}
