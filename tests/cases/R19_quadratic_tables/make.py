H = "pool,rank,unique_samples,samples_seen,metric,error"
open("cols.csv", "w").write(
    H
    + ","
    + ",".join(f"c{i}" for i in range(100000))
    + "\na,1,1000000,1000000,x_error,0.5"
    + "," * 100000
    + "\n"
)
open("rows.csv", "w").write(
    H + "\n" + "\n".join(f"p{i % 50},{i % 50 + 1},1000000,{1000000 + i},x_error,0.5" for i in range(200000))
)
open("joint.csv", "w").write(
    H
    + "\n"
    + "+".join(f"{i:x}" for i in range(20000))
    + ",,1000000,1000000,x_error,0.5\na,1,1000000,1000000,x_error,0.5\n"
)
