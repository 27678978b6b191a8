package policy

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// topLevel is everything that may lie at the top, dot files aside.
var topLevel = []string{"cmd", "configs", "distill", "docs", "node", "p2p", "test", "train", "go.mod", "go.sum",
	"LICENSE", "Makefile", "README.md", "CONTRIBUTING.md"}

func TestTheTopLevelHoldsOnlyWhatBelongsThere(t *testing.T) {
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(topLevel, e.Name()) && e.Name() != "bin" {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}

func TestEveryDirectDependencyHasItsReason(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for line := range strings.Lines(string(mod)) {
		if !strings.HasPrefix(line, "\t") || strings.Contains(line, "// indirect") {
			continue
		}
		direct++
		if path := strings.Fields(line)[0]; !strings.Contains(string(reasons), "`"+path+"`") {
			t.Errorf("docs/dependencies.md gives no reason for %s", path)
		}
	}
	if direct < 10 {
		t.Fatalf("found %d direct dependencies: the reading of go.mod is broken", direct)
	}
}
