import json
from tests.integration.test_live import *
@pytest.mark.parametrize("x",[1])
def test_dbg(new_place, stream, users, events, tmp_path, history, x):
    d = tmp_path/"l"; d.mkdir(); pl = Place(d, history); pl.load(users)
    twice=[*events,*events]
    random.Random(5).shuffle(twice)
    stream.publish(twice)
    after = new_place("after")
    after.load(users)
    a0 = after.digest()
    stream.consumed(after.cli, "after")
    print("X", pl.digest(), a0, after.digest())
    for u in users:
        a=ended(pl.cli.run("graph","show",u,"--json")); b=ended(after.cli.run("graph","show",u,"--json"))
        if a!=b:
            for k in a:
                if a[k]!=b[k]:
                    if isinstance(a[k],list):
                        aa=[json.dumps(q,sort_keys=True) for q in a[k]]; bb=[json.dumps(q,sort_keys=True) for q in b[k]]
                        print("X",u,k,"only loaded",[q for q in aa if q not in bb][:2],"only live",[q for q in bb if q not in aa][:2])
                    else: print("X",u,k,a[k],b[k])
    assert 0
