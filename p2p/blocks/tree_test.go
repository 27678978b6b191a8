package blocks

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
)

// directory stores a directory node with entries of the given names, as a hostile
// peer could make it.
func directory(t *testing.T, s *Store, names ...string) cid.Cid {
	t.Helper()
	file := merkledag.NewRawNode([]byte("content"))
	dir := unixfs.EmptyDirNode()
	dir.SetCidBuilder(dagPrefix)
	for _, name := range names {
		if err := dir.AddNodeLink(name, file); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{s.dag.Add(t.Context(), file), s.dag.Add(t.Context(), dir)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir.Cid()
}

func TestADirectoryWithNamesThatNoFileHasIsNotListed(t *testing.T) {
	s, err := inMemory(DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		names []string
		valid bool
	}{
		"plain names":          {[]string{"a", "b.txt", "ünï"}, true},
		"a path":               {[]string{"a/b"}, false},
		"the parent":           {[]string{".."}, false},
		"the directory itself": {[]string{"."}, false},
		"an absolute path":     {[]string{"/etc"}, false},
		"no name":              {[]string{""}, false},
		"one name twice":       {[]string{"a", "b", "a"}, false},
	} {
		dir, err := s.FS(t.Context(), directory(t, s, tt.names...))
		if err != nil {
			t.Fatal(err)
		}
		entries, err := fs.ReadDir(dir, ".")
		if tt.valid && (err != nil || len(entries) != len(tt.names)) || !tt.valid && !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %d entries, %v", name, len(entries), err)
		}
	}
}

func TestPathsAreResolvedAsInAnyFileSystem(t *testing.T) {
	s := openStore(t, nil)
	root, _ := add(t, s, setOf("a", 1000), "a")
	dir, err := s.FS(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"missing":            fs.ErrNotExist,
		"manifest.json/more": fs.ErrNotExist,
		"../manifest.json":   fs.ErrInvalid,
		"/manifest.json":     fs.ErrInvalid,
		"":                   fs.ErrInvalid,
		"manifest.json":      nil,
	} {
		f, err := dir.Open(path)
		if !errors.Is(err, want) {
			t.Errorf("open %q: %v, want %v", path, err, want)
		}
		if err == nil {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	f, err := dir.Open("data.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seeker, ok := f.(io.ReadSeeker)
	if !ok {
		t.Fatal("a file cannot seek")
	}
	if _, err := seeker.Seek(-4, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if end, err := io.ReadAll(seeker); err != nil || string(end) != "aaaa" {
		t.Errorf("the last bytes are %q, %v", end, err)
	}
	d, err := dir.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(make([]byte, 1)); err == nil {
		t.Error("a directory was read like a file")
	}
}

func TestWhatIsNoDirectoryIsNotOpenedAsOne(t *testing.T) {
	s := openStore(t, nil)
	c, err := s.AddRaw(t.Context(), []byte("a block"), "raw")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.FS(t.Context(), c); err == nil {
		t.Error("a raw block was opened as a directory")
	}
	if _, err := s.AddRaw(t.Context(), make([]byte, maxBlockBytes+1), "large"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a block above what peers accept: %v, want ErrTooLarge", err)
	}
	missing, err := rawPrefix.Sum([]byte("missing"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Raw(t.Context(), missing); !errors.Is(err, ErrNotFound) {
		t.Errorf("a block that is not here: %v, want ErrNotFound", err)
	}
}

func TestAddsSideBySideNeverExceedTheQuota(t *testing.T) {
	const quota, size, adds = 500_000, 40_000, 40
	s := openStore(t, func(o *Options) { o.QuotaBytes, o.MinAge = quota, 0 })
	var adding sync.WaitGroup
	var mu sync.Mutex
	added := 0
	for i := range adds {
		adding.Go(func() {
			_, _, err := s.AddFS(t.Context(), setOf(fmt.Sprintf("set %d ", i), size), fmt.Sprint(i))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				added++
			case !errors.Is(err, ErrFull):
				t.Errorf("add %d: %v", i, err)
			}
			if u := s.Usage(); u.Bytes > quota {
				t.Errorf("%d bytes used of %d", u.Bytes, quota)
			}
		})
	}
	adding.Wait()
	pins, err := s.Pins(t.Context())
	if err != nil || len(pins) != added || added < 8 || added > quota/size {
		t.Errorf("%d adds succeeded and %d pins, %v; %d fit", added, len(pins), err, quota/size)
	}
	if n := s.quota.reserved.Load(); n != 0 {
		t.Errorf("%d bytes stay reserved", n)
	}
}

func TestValidateNamesTheOptionThatIsOutOfRange(t *testing.T) {
	if err := DefaultOptions().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, change := range map[string]func(*Options){
		"QuotaBytes": func(o *Options) { o.QuotaBytes = -1 },
		"LowWater":   func(o *Options) { o.LowWater = 0 },
		"HighWater":  func(o *Options) { o.HighWater = 1.1 },
		"MinAge":     func(o *Options) { o.MinAge = -1 },
		"Now":        func(o *Options) { o.Now = nil },
	} {
		opt := DefaultOptions()
		change(&opt)
		if _, err := inMemory(opt); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v does not name it", name, err)
		}
	}
}
