package kernels

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryUnitHasItsPTX(t *testing.T) {
	files, err := assembly.ReadDir("ptx")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, f := range files {
		have = append(have, strings.TrimSuffix(f.Name(), ".ptx"))
	}
	want := slices.Sorted(slices.Values(Units()))
	if !slices.Equal(have, want) {
		t.Errorf("files for %v, units are %v", have, want)
	}
	for _, unit := range want {
		text := PTX(unit)
		if unit != Rest && !strings.Contains(text, ".entry "+unit+"(") {
			t.Errorf("%s.ptx has no such kernel", unit)
		}
		if strings.Count(text, ".entry") != strings.Count(text, ".reqntid 256, 1, 1") {
			t.Errorf("%s.ptx has a kernel without the size of its groups", unit)
		}
		if strings.Contains(text, ".local") || strings.Contains(text, "call") {
			t.Errorf("%s.ptx spills or calls", unit)
		}
	}
}

func TestPTXIsWhatClangMakes(t *testing.T) {
	if _, err := exec.LookPath("clang-15"); err != nil {
		t.Skip("no clang-15 (Debian: clang-15)")
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "./gen", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, unit := range Units() {
		made, err := os.ReadFile(filepath.Join(dir, unit+".ptx"))
		if err != nil {
			t.Fatal(err)
		}
		if string(made) != PTX(unit) {
			t.Errorf("ptx/%s.ptx is not what clang-15 makes: run go generate ./train/gpu/kernels", unit)
		}
	}
}

func TestKernelsBelongToTheirUnit(t *testing.T) {
	for _, p := range products {
		for _, tile := range Tiles {
			if name := NameOf(p.name, tile); UnitOf(name) != name || !strings.Contains(OpenCL(name), "#define NAME "+name) {
				t.Errorf("%s is of unit %s", name, UnitOf(name))
			}
			if tile.Rows/tile.ItemRows*(tile.Cols/tile.ItemCols) != 256 || tile.Rows*tile.Depth%256 != 0 ||
				tile.Cols*tile.Depth%256 != 0 {
				t.Errorf("tile %+v does not suit groups of 256", tile)
			}
		}
	}
	if UnitOf("gather") != Rest {
		t.Errorf("gather is of unit %s", UnitOf("gather"))
	}
}
