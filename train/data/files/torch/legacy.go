package torch

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/pickle"
)

// legacyVersion is the version of the format before PyTorch 1.6.
const legacyVersion = 1001

// readLegacy reads a stream of pickles, of a magic number, a version, facts about the machine,
// what was saved, and the keys of the storages, which follow: each a number of values in eight
// bytes, and the values.
func readLegacy(file io.Reader, limit Limits) (*File, error) {
	r := bufio.NewReaderSize(file, 1<<16)
	if _, err := r.Discard(len(legacyMagic)); err != nil {
		return nil, files.OrTruncated(err)
	}
	if v, err := decode(r, "the version", limit); err != nil {
		return nil, err
	} else if v != int64(legacyVersion) {
		return nil, wrong("version %v of the format before PyTorch 1.6, want %d", v, legacyVersion)
	}
	facts, err := decode(r, "the facts about the machine", limit)
	if err != nil {
		return nil, err
	}
	if d, ok := facts.(*pickle.Dict); !ok {
		return nil, wrong("no facts about the machine")
	} else if little, _ := d.Get("little_endian"); little != true {
		return nil, wrong("values of a machine that was not little-endian")
	}
	v, err := decode(r, "what was saved", limit)
	if err != nil {
		return nil, err
	}
	c := newContent(limit)
	out := &File{}
	if out.Value, err = c.build(v); err != nil {
		return nil, err
	}
	keys, err := decode(r, "the keys of the storages", limit)
	if err != nil {
		return nil, err
	}
	list, ok := keys.([]any)
	if !ok {
		return nil, wrong("no list of the keys of the storages")
	}
	if err := c.readLegacy(r, list); err != nil {
		return nil, err
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return nil, files.ErrTrailing
	}
	return out, nil
}

// readLegacy reads the storages in the order of their keys.
func (c *content) readLegacy(r io.Reader, keys []any) error {
	storages := c.storages()
	for _, k := range keys {
		key, ok := k.(string)
		if b, old := k.([]byte); old {
			key, ok = string(b), true
		}
		s := storages[key]
		if !ok || s == nil {
			return wrong("a storage that belongs to no tensor, or is there twice")
		}
		delete(storages, key)
		var count [8]byte
		if _, err := io.ReadFull(r, count[:]); err != nil {
			return files.OrTruncated(err)
		}
		if n := int64(binary.LittleEndian.Uint64(count[:])); n != s.Len {
			return wrong("storage %s has %d values, want %d", files.Quoted(key), n, s.Len)
		}
		want := s.Len * int64(kinds[s.Kind].width)
		content, err := files.ReadAll(io.LimitReader(r, want), want)
		if err != nil {
			return err
		}
		if int64(len(content)) != want {
			return files.ErrTruncated
		}
		c.fill(s, content, false)
	}
	if len(storages) > 0 {
		return wrong("%d storages are missing", len(storages))
	}
	return nil
}
