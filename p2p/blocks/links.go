package blocks

import (
	"encoding/binary"
	"fmt"

	"github.com/ipfs/boxo/ipld/merkledag"
	blockformat "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// linksOf reads the links of a block, which are counted before memory is spent on them.
func linksOf(block blockformat.Block, most int) ([]*ipld.Link, error) {
	switch block.Cid().Prefix().Codec {
	case cid.Raw:
		return nil, nil
	case cid.DagProtobuf:
	default:
		return nil, fmt.Errorf("%w: block %s is neither a file nor a directory", ErrShape, block.Cid())
	}
	if n := countLinks(block.RawData()); n > most {
		return nil, fmt.Errorf("%w: a node with %d links, at most %d allowed", ErrTooLarge, n, most)
	}
	node, err := merkledag.DecodeProtobuf(block.RawData())
	if err != nil {
		return nil, fmt.Errorf("%w: block %s: %w", ErrShape, block.Cid(), err)
	}
	return node.Links(), nil
}

// countLinks counts the links of a dag-pb node, its fields of number 2, up to the first
// byte that is not well-formed.
func countLinks(data []byte) (n int) {
	for len(data) > 0 {
		tag, size := binary.Uvarint(data)
		if size <= 0 || tag&7 != 2 { // a dag-pb node has fields of bytes alone
			return n
		}
		length, more := binary.Uvarint(data[size:])
		if size += more; more <= 0 || length > uint64(len(data)-size) {
			return n
		}
		if tag>>3 == 2 {
			n++
		}
		data = data[size+int(length):]
	}
	return n
}
