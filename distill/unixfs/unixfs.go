// Package unixfs computes what a flat directory weighs once it is stored as a
// UnixFS DAG, without making a block of it. The layout is that of package
// p2p/blocks: files in raw leaves of 1 MiB, under nodes of at most 1,024 links, and
// one directory node (no HAMT: a directory of a few files is far below its size).
package unixfs

import (
	"encoding/binary"
	"maps"
	"slices"
)

// layout says how files are cut up.
type layout struct {
	chunkBytes   int64 // of a leaf
	linksPerNode int   // of a node of a file of several leaves
}

// stored is the layout of package p2p/blocks.
var stored = layout{chunkBytes: 1 << 20, linksPerNode: 1024}

const (
	cidBytes = 36 // version, codec, hash function, length, 32 bytes of SHA-256
	// Each node has UnixFS data that begin with its type, a tag and a value.
	typeBytes = 2
)

// Bytes is the size of the whole DAG of a directory of files of these sizes, by
// name. Blocks that are equal are counted each time, though a store keeps one.
func Bytes(sizes map[string]int64) int64 { return stored.bytes(sizes) }

func (l layout) bytes(sizes map[string]int64) int64 {
	total, links := int64(0), int64(0)
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		f := l.file(sizes[name])
		total += f.dag
		links += link(name, f.dag)
	}
	return total + links + field(typeBytes)
}

// tree is a file or a part of one: how much content it has, and how many bytes all
// its blocks take together.
type tree struct{ content, dag int64 }

// file is a file as importers lay it out: leaves from left to right under nodes
// that are full but for the last, as few levels as can be.
func (l layout) file(size int64) tree {
	level := []tree{}
	for left := size; left > 0 || len(level) == 0; left -= l.chunkBytes {
		n := min(left, l.chunkBytes)
		level = append(level, tree{n, n})
	}
	for len(level) > 1 {
		var above []tree
		for children := range slices.Chunk(level, l.linksPerNode) {
			above = append(above, node(children))
		}
		level = above
	}
	return level[0]
}

// node is a node of a file over its children.
func node(children []tree) tree {
	var out tree
	links, blockSizes := int64(0), int64(0)
	for _, c := range children {
		out.content += c.content
		out.dag += c.dag
		links += link("", c.dag)
		blockSizes += 1 + varint(c.content)
	}
	out.dag += links + field(typeBytes+1+varint(out.content)+blockSizes)
	return out
}

// link is the size of a dag-pb link: hash, name and the size of what is under it.
func link(name string, dag int64) int64 {
	return field(field(cidBytes) + field(int64(len(name))) + 1 + varint(dag))
}

// field is the size of a protobuf field of n bytes: tag, length and content.
func field(n int64) int64 { return 1 + varint(n) + n }

func varint(n int64) int64 { return int64(len(binary.AppendUvarint(nil, uint64(n)))) }
