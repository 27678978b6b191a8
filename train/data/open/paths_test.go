package open

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// refused is the hinted error of a path that is refused.
func refused(t *testing.T, path string, r Reading, words string) {
	t.Helper()
	_, _, err := r.Derive(path, data.Task{Name: "d"})
	var e *files.Error
	if !errors.As(err, &e) || e.Hint == "" || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v (%T), want a hinted refusal with %q", path, err, err, words)
	}
}

// twoClasses are pictures of two classes, in folders below prefix.
func twoClasses(prefixes ...string) map[string][]byte {
	out := map[string][]byte{}
	for k, prefix := range prefixes {
		for i := range 4 {
			out[fmt.Sprintf("%sa/%d.png", prefix, i)] = grayPNG(2, byte(10+8*k+i))
			out[fmt.Sprintf("%sb/%d.png", prefix, i)] = grayPNG(2, byte(110+8*k+i))
		}
	}
	return out
}

func TestLoopsOfLinksAreNotFollowed(t *testing.T) {
	empty := t.TempDir()
	dir := folder(t, twoClasses(""))
	for _, d := range []string{empty, dir} {
		for _, name := range []string{"l1", "l2"} {
			if err := os.Symlink(".", filepath.Join(d, name)); err != nil {
				t.Skip(err)
			}
		}
	}
	if _, _, err := (Reading{}).Derive(empty, data.Task{Name: "d"}); !errors.Is(err, ErrNoData) {
		t.Errorf("a folder of two links to itself: %v", err)
	}
	ds, _, err := Reading{}.Derive(dir, data.Task{Name: "d"})
	if err != nil || len(ds.Task.Classes) != 2 {
		t.Fatalf("two classes and links to their folder: %v", err)
	}
	if s := fmt.Sprint(ReportOf(ds).Skipped); !strings.Contains(s, "links to a folder that holds them") {
		t.Errorf("the links are not counted: %s", s)
	}
}

func TestLinksThatLeadToOneFolderInManyWaysAreFollowedOnce(t *testing.T) {
	content := twoClasses("")
	for i := range 25 {
		content[fmt.Sprintf("b/d%d/about.txt", i)] = []byte("x")
	}
	content["b/d24/p.png"] = grayPNG(2, 99)
	dir := folder(t, content)
	for i := range 24 {
		for _, name := range []string{"l1", "l2"} {
			if err := os.Symlink(fmt.Sprintf("../d%d", i+1), filepath.Join(dir, fmt.Sprintf("b/d%d", i), name)); err != nil {
				t.Skip(err)
			}
		}
	}
	ds, _, err := Reading{}.Derive(dir, data.Task{Name: "d"})
	if err != nil || len(ds.Train.Labels()) != 9 {
		t.Errorf("9 pictures, one of them behind 2^24 ways: %v", err)
	}
}

func TestPathsThatAreNoFilesOrFoldersAreRefused(t *testing.T) {
	refused(t, "", Reading{}, "empty path")
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	refused(t, l.Addr().String(), Reading{}, "neither a file nor a folder")
}

const rows = "1,2,a\n3,4,b\n5,6,a\n7,8,b\n"

// tarOf packs entries; a content of link:NAME is a hard link.
func tarOf(entries ...[2]string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e[0], Mode: 0o600, Size: int64(len(e[1])), Typeflag: tar.TypeReg}
		if to, ok := strings.CutPrefix(e[1], "link:"); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, to, 0
			w.WriteHeader(h)
			continue
		}
		w.WriteHeader(h)
		w.Write([]byte(e[1]))
	}
	w.Close()
	return b.Bytes()
}

func TestEntriesOfOneNameInAnArchive(t *testing.T) {
	dir := folder(t, map[string][]byte{"d.tar": tarOf([2]string{"d.csv", "1,2,x\n3,4,y\n"}, [2]string{"d.csv", rows})})
	ds, _, err := Reading{}.Derive(filepath.Join(dir, "d.tar"), data.Task{Name: "d"})
	if err != nil || strings.Join(ds.Task.Classes, "") != "ab" {
		t.Errorf("the last of two entries of a tar archive: %v", err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for range 2 {
		w, _ := z.Create("d.csv")
		w.Write([]byte(rows))
	}
	z.Close()
	dir = folder(t, map[string][]byte{"d.zip": b.Bytes()})
	refused(t, filepath.Join(dir, "d.zip"), Reading{}, "there twice")
}

func TestATarArchiveWithoutItsEndIsTruncated(t *testing.T) {
	whole := tarOf([2]string{"train.csv", rows}, [2]string{"test.csv", rows})
	for n := len(whole) - 513; n > 0; n -= 512 {
		dir := folder(t, map[string][]byte{"d.tar": whole[:n]})
		if _, _, err := (Reading{}).Derive(filepath.Join(dir, "d.tar"), data.Task{Name: "d"}); err == nil {
			t.Errorf("%d of %d bytes are read", n, len(whole))
		}
	}
	dir := folder(t, map[string][]byte{"d.tar": whole[:1024]})
	refused(t, filepath.Join(dir, "d.tar"), Reading{}, files.ErrTruncated.Error())
}

func TestHardLinksOfATarArchiveShareTheirContent(t *testing.T) {
	entries := [][2]string{{"x/0", strings.Repeat("0", 1<<20)}, {"d.csv", rows}, {"e.csv", "link:d.csv"}}
	for i := range 700 {
		entries = append(entries, [2]string{fmt.Sprintf("x/%d", i+1), "link:x/0"})
	}
	dir := folder(t, map[string][]byte{"d.tar.gz": gz(tarOf(entries...))})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tree, err := files.OpenArchive(filepath.Join(dir, "d.tar.gz"), files.Tar)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if got, err := tree.Bytes("e.csv", 1<<20); err != nil || string(got) != rows {
		t.Errorf("a hard link: %q, %v", got, err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d bytes are allocated for a content of 1 MB and its links", n)
	}
}

func TestArchivesThatCannotBeReadNameTheCause(t *testing.T) {
	pack := func(h *zip.FileHeader, content []byte) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, _ := z.CreateRaw(h)
		w.Write(content)
		z.Close()
		return filepath.Join(folder(t, map[string][]byte{"d.zip": b.Bytes()}), "d.zip")
	}
	sized := func(h zip.FileHeader, content []byte) string {
		h.CompressedSize64, h.UncompressedSize64 = uint64(len(content)), uint64(len(content))
		return pack(&h, content)
	}
	refused(t, sized(zip.FileHeader{Name: "d.csv", Flags: 1}, []byte(rows)), Reading{}, "encrypted")
	refused(t, sized(zip.FileHeader{Name: "d.csv", Method: 9}, []byte(rows)), Reading{}, "method 9")
	refused(t, sized(zip.FileHeader{Name: "in.zip"}, zipOfRows()), Reading{}, "inside an archive")
}

// zipOfRows is a zip archive of one table.
func zipOfRows() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create("d.csv")
	w.Write([]byte(rows))
	z.Close()
	return b.Bytes()
}
